"""Write the pairs for people: one row per pair, and one row per Fermi source."""

from xgamma.provenance.table_metadata import Origin
from xgamma.run.job import job
from xgamma.stages.group_by_fermi import GROUPED_COLUMNS, group_pairs
from xgamma.stages.pairs import PAIR_COLUMNS
from xgamma.tables.files import read_parquet

with job(snakemake):
    i, p, o = snakemake.input, snakemake.params, snakemake.output
    origin = Origin.of(p.about, i.records)
    pairs = read_parquet(i.pairs)
    grouped = group_pairs(pairs)
    origin.write(o.pairs, pairs, PAIR_COLUMNS)
    origin.write([o.grouped_csv, o.grouped_ecsv], grouped, GROUPED_COLUMNS)
