"""Draw the probabilities: whether they hold, what they rest on, what is known of each source."""

import json
from pathlib import Path

from xgamma.figures.probabilities import (
    plot_known_sources,
    plot_probability,
    plot_reliability,
    plot_states,
)
from xgamma.figures.style import save_figures
from xgamma.run.job import job
from xgamma.tables.files import read_parquet

with job(snakemake):
    i, p = snakemake.input, snakemake.params
    calibration = json.loads(Path(i.calibration).read_text(encoding="utf-8"))
    figures = {
        "reliability": plot_reliability(calibration),
        "known_sources": plot_known_sources(read_parquet(i.known), calibration),
        "states": plot_states(read_parquet(i.sources), p.latitude_cut_deg),
        "probability": plot_probability(read_parquet(i.candidates)),
    }
    save_figures(figures, snakemake.output, p.dpi, p.simulated, p.words)
