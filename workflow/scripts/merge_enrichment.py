"""Merge the shards into one long table per survey and one row per Fermi source."""

from xgamma.archive.surveys import SurveyTable
from xgamma.run.job import job
from xgamma.stages.group_by_fermi import group_pairs
from xgamma.stages.merge_enrichment import add_counterparts, grouped_columns, merge_shards
from xgamma.stages.shard_file import ShardFile
from xgamma.tables.files import read_columns, read_parquet, write_csv, write_ecsv, write_parquet

with job(snakemake):
    pairs = read_parquet(snakemake.input.pairs)
    fermi = read_parquet(snakemake.input.sources, ["fermi_name", "fermi_class"])
    fermi_class = dict(zip(fermi["fermi_name"], fermi["fermi_class"], strict=True))
    counterparts, columns = {}, {}
    for (name, survey), parquet, ecsv in zip(
        snakemake.params.surveys.items(),
        snakemake.output.long,
        snakemake.output.long_ecsv,
        strict=True,
    ):
        files = [f for f in snakemake.input.shards if ShardFile.of(f).survey == name]
        shards = [(read_parquet(f), read_columns(f)) for f in files]
        merged = merge_shards(shards, SurveyTable.of(survey), fermi_class)
        counterparts[name], columns[name] = merged
        write_parquet(parquet, *merged)
        write_ecsv(ecsv, *merged)
    grouped = add_counterparts(group_pairs(pairs), counterparts, snakemake.params.surveys)
    of_grouped = grouped_columns(columns, snakemake.params.surveys)
    write_csv(snakemake.output.grouped_csv, grouped, of_grouped)
    write_ecsv(snakemake.output.grouped_ecsv, grouped, of_grouped)
