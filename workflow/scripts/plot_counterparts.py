"""Draw the optical and infrared counterparts."""

from xgamma.figures.counterparts import (
    plot_counterparts_by_class,
    plot_variability_by_class,
    plot_variable_fraction,
    with_variability,
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
    gaia, radii = with_variability(counterparts), (p.radius_deg, p.csc_radius_arcsec)
    figures = {
        "counterparts_by_class": plot_counterparts_by_class(pairs, counterparts, *radii),
        "variability_by_class": plot_variability_by_class(gaia, *radii),
        "variable_fraction": plot_variable_fraction(gaia, *radii),
        "offsets": plot_offsets(counterparts, targets),
    }
    save_figures(figures, snakemake.output, p.dpi, p.simulated)
