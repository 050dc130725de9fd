"""Draw and tabulate the classes by latitude, and the sources of chosen classes."""

from xgamma.class_shares import class_shares
from xgamma.figures.style import save_figures
from xgamma.figures.subsample import plot_class_shares, plot_subsample
from xgamma.provenance.table_metadata import Origin
from xgamma.run.job import job
from xgamma.stages.class_subsample import SHARE_COLUMNS, class_subsample, subsample_columns
from xgamma.tables.files import read_parquet

with job(snakemake):
    i, o, p = snakemake.input, snakemake.output, snakemake.params
    fermi, pairs = read_parquet(i.fermi), read_parquet(i.pairs)
    counterparts = {
        survey: read_parquet(path) for survey, path in zip(p.surveys, i.counterparts, strict=True)
    }
    subsample = class_subsample(read_parquet(i.plane), pairs, counterparts, p.classes)
    # The simulated sky holds the real Fermi sources, all of them: this figure is not simulated.
    shares_figure = {"class_shares": plot_class_shares(fermi, p.latitude_cut_deg)}
    save_figures(shares_figure, o, p.dpi, simulated=False, words=p.words)
    subsample_figure = {"class_subsample": plot_subsample(subsample, pairs, p.classes)}
    save_figures(subsample_figure, o, p.dpi, p.simulated, p.words)
    shares, sources = o.tables
    of_fermi = Origin.of(p.about, i.records, surveys=[])
    of_fermi.write(shares, class_shares(fermi, p.latitude_cut_deg), SHARE_COLUMNS)
    origin = Origin.of(p.about, i.records, i.counterparts)
    origin.write(sources, subsample, subsample_columns(p.surveys))
