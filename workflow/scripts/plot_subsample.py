"""Draw and tabulate the classes by latitude, and the sources of chosen classes."""

from xgamma.class_shares import class_shares
from xgamma.figures.style import save_figures
from xgamma.figures.subsample import plot_class_shares, plot_subsample
from xgamma.provenance.table_metadata import Origin
from xgamma.run.job import job
from xgamma.stages.class_subsample import SHARE_COLUMNS, class_subsample, subsample_columns
from xgamma.tables.files import read_parquet
from xgamma.tables.page import write_table_and_page

with job(snakemake):
    i, o, p = snakemake.input, snakemake.output, snakemake.params
    fermi, pairs = read_parquet(i.fermi), read_parquet(i.pairs)
    counterparts = {
        survey: read_parquet(path) for survey, path in zip(p.surveys, i.counterparts, strict=True)
    }
    subsample = class_subsample(read_parquet(i.plane), pairs, counterparts, p.classes)
    figures = {
        "class_shares": plot_class_shares(fermi, p.latitude_cut_deg),
        "class_subsample": plot_subsample(subsample, pairs, p.classes),
    }
    save_figures(figures, o, p.dpi, p.simulated)
    origin = Origin.of(p.about, i.records, i.counterparts)
    write_table_and_page(
        o.shares_ecsv,
        o.shares_html,
        class_shares(fermi, p.latitude_cut_deg),
        SHARE_COLUMNS,
        "Classes of the Fermi sources by latitude",
        Origin.of(p.about, i.records, surveys=[]).metadata(o.shares_ecsv),
    )
    write_table_and_page(
        o.subsample_ecsv,
        o.subsample_html,
        subsample,
        subsample_columns(p.surveys),
        f"Fermi sources of class {', '.join(p.classes)}",
        origin.metadata(o.subsample_ecsv),
    )
