"""Draw the identifications: whether they hold, and which kinds of objects they are."""

import json
from pathlib import Path

from xgamma.figures.identification import plot_colours, plot_identification, plot_x_ray_optical
from xgamma.figures.style import save_figures
from xgamma.run.job import job
from xgamma.tables.files import read_parquet

with job(snakemake):
    i, p = snakemake.input, snakemake.params
    model = json.loads(Path(i.model).read_text(encoding="utf-8"))
    evidence, fermi = read_parquet(i.evidence), read_parquet(i.fermi)
    figures = {
        "identification": plot_identification(model),
        "x_ray_optical": plot_x_ray_optical(evidence, fermi),
        "colours": plot_colours(evidence, fermi),
    }
    save_figures(figures, snakemake.output, p.dpi, p.simulated, p.words)
