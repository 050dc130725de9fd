"""Write the pairs for people: one row per pair, and one row per Fermi source."""

from xgamma.run.job import job
from xgamma.stages.group_by_fermi import GROUPED_COLUMNS, group_pairs
from xgamma.stages.pairs import PAIR_COLUMNS
from xgamma.tables.files import read_parquet, write_csv, write_ecsv

with job(snakemake):
    pairs = read_parquet(snakemake.input.pairs)
    grouped = group_pairs(pairs)
    write_ecsv(snakemake.output.pairs, pairs, PAIR_COLUMNS)
    write_csv(snakemake.output.grouped_csv, grouped, GROUPED_COLUMNS)
    write_ecsv(snakemake.output.grouped_ecsv, grouped, GROUPED_COLUMNS)
