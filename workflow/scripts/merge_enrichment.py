"""Merge the shards into one long table per survey and one row per Fermi source."""

from pathlib import Path

from xgamma.archive.services import DESCRIPTION_COLUMNS
from xgamma.archive.surveys import SurveyTable
from xgamma.provenance.table_metadata import Origin
from xgamma.run.job import job
from xgamma.stages.group_by_fermi import group_pairs
from xgamma.stages.merge_enrichment import (
    add_counterparts,
    described_columns,
    grouped_columns,
    merge_shards,
)
from xgamma.stages.shard_file import ShardFile
from xgamma.tables.files import read_columns, read_ecsv, read_parquet

with job(snakemake):
    i, p, o = snakemake.input, snakemake.params, snakemake.output
    pairs = read_parquet(i.pairs)
    fermi = read_parquet(i.fermi, ["name", "source_type"])
    fermi_class = dict(zip(fermi["name"], fermi["source_type"], strict=True))
    described = {Path(path).stem: read_ecsv(path, DESCRIPTION_COLUMNS) for path in i.descriptions}
    counterparts, columns = {}, {}
    for (name, survey), *paths in zip(p.surveys.items(), o.long, o.long_ecsv, strict=True):
        files = [f for f in i.shards if ShardFile.of(f).survey == name]
        shards = [(read_parquet(f), read_columns(f)) for f in files]
        table = SurveyTable.of(survey)
        counterparts[name], merged = merge_shards(shards, table, fermi_class)
        columns[name] = described_columns(merged, table, described[p.described[name]])
        # beside the shards, and no inputs: thousands would slow every start
        records = [*i.records, *(Path(f).with_suffix(".provenance.json") for f in files)]
        origin = Origin.of(p.about, records, surveys=[survey["table"]])
        origin.write(paths, counterparts[name], columns[name])
    grouped = add_counterparts(group_pairs(pairs), counterparts, p.surveys)
    of_grouped = grouped_columns(columns, p.surveys)
    origin = Origin.of(p.about, i.records, o.long)
    origin.write([o.grouped_csv, o.grouped_ecsv], grouped, of_grouped)
