"""Draw the pairs: where they are, how many, how far apart, how bright."""

from xgamma.figures.associations import plot_association_map, plot_match_map
from xgamma.figures.flux_ratios import plot_ratio_by_class, plot_ratio_by_position
from xgamma.figures.matches import (
    plot_matches_by_flux,
    plot_matches_by_position,
    plot_separations,
)
from xgamma.figures.style import save_figures
from xgamma.run.job import job
from xgamma.tables.files import read_parquet

with job(snakemake):
    p = snakemake.params
    pairs = read_parquet(snakemake.input.pairs)
    figures = {
        "association_map": plot_association_map(pairs, p.latitude_cut_deg),
        "match_map": plot_match_map(pairs, p.latitude_cut_deg),
        "matches_by_position": plot_matches_by_position(pairs, p.latitude_cut_deg),
        "matches_by_flux": plot_matches_by_flux(pairs),
        "separations": plot_separations(pairs),
        "flux_ratio_by_position": plot_ratio_by_position(pairs, p.latitude_cut_deg),
        "flux_ratio_by_class": plot_ratio_by_class(pairs),
    }
    save_figures(figures, snakemake.output, p.dpi, p.simulated, p.words)
