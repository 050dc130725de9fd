"""Draw the optical and infrared counterparts."""

from xgamma.figures.counterparts import (
    plot_counterparts_by_class,
    plot_variability_by_class,
    plot_variable_fraction,
    variability_flags,
)
from xgamma.figures.offsets import plot_offsets
from xgamma.figures.style import save_figures
from xgamma.run.job import job
from xgamma.tables.files import read_parquet

with job(snakemake):
    p = snakemake.params
    pairs = read_parquet(snakemake.input.pairs)
    targets = read_parquet(snakemake.input.targets)
    counterparts = {
        survey: read_parquet(path)
        for survey, path in zip(p.surveys, snakemake.input.counterparts, strict=True)
    }
    flags, radii = variability_flags(counterparts, p.surveys), (p.radius_deg, p.csc_radius_arcsec)
    figures = {
        "counterparts_by_class": plot_counterparts_by_class(pairs, counterparts, targets, *radii),
        "variability_by_class": plot_variability_by_class(flags, *radii),
        "variable_fraction": plot_variable_fraction(flags, *radii),
        "offsets": plot_offsets(counterparts, targets, pairs),
    }
    save_figures(figures, snakemake.output, p.dpi, p.simulated, p.words)
