"""Draw where Chandra has looked."""

from xgamma.figures.observations import plot_exposure_map
from xgamma.figures.style import save_figures
from xgamma.run.job import job
from xgamma.tables.files import read_parquet

with job(snakemake):
    p = snakemake.params
    observations = read_parquet(snakemake.input.chanmaster, ["ra", "dec", "exposure"])
    figures = {"exposure_map": plot_exposure_map(observations, p.latitude_cut_deg)}
    save_figures(figures, snakemake.output, p.dpi, p.simulated, p.words)
