"""Draw the Chandra sources of the plane."""

from xgamma.figures.plane import plot_plane_histograms, plot_plane_map, plot_plane_sky
from xgamma.figures.style import save_figures
from xgamma.run.job import job
from xgamma.tables.files import read_parquet

with job(snakemake):
    p = snakemake.params
    csc = read_parquet(snakemake.input.csc, ["name", "lii", "bii", "b_flux_ap"])
    figures = {
        "plane_sky": plot_plane_sky(csc, p.latitude_cut_deg),
        "plane_map": plot_plane_map(csc, p.latitude_cut_deg),
        "plane_histograms": plot_plane_histograms(csc, p.latitude_cut_deg),
    }
    save_figures(figures, snakemake.output, p.dpi, p.simulated, p.words)
