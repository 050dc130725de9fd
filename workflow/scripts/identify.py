"""Identify the Chandra candidates with the surveys' objects."""

from pathlib import Path

import pandas as pd

from xgamma.archive.surveys import SurveyTable
from xgamma.provenance.table_metadata import Origin
from xgamma.run.job import job
from xgamma.stages.conclude import (
    EVIDENCE_TABLE,
    counterpart_table,
    evidence_table,
    none_of_them,
)
from xgamma.stages.conclude import counterpart_columns as table_columns
from xgamma.stages.counterparts import counterpart_columns
from xgamma.stages.identify import (
    IDENTIFICATION_TABLE,
    identification_table,
    identify_candidates,
    model_record,
)
from xgamma.stages.shard_file import ShardFile
from xgamma.tables.columns import empty_frame
from xgamma.tables.files import read_columns, read_parquet
from xgamma.tables.whole_files import write_json

with job(snakemake):
    i, o, p = snakemake.input, snakemake.output, snakemake.params
    targets = read_parquet(i.targets)
    shards = {}
    for name, survey in p.surveys.items():
        files = [f for f in i.shards if ShardFile.of(f).survey == name]
        columns = read_columns(files[0]) if files else counterpart_columns(SurveyTable.of(survey))
        frames = [read_parquet(f) for f in files] or [empty_frame(columns)]
        shards[name] = pd.concat(frames, ignore_index=True), columns
    chandra = read_parquet(i.csc)
    identified = identify_candidates(
        targets, chandra, read_parquet(i.chanmaster), shards, p.surveys
    )
    table = identification_table(identified, targets, p.surveys)
    fermi = read_parquet(i.fermi)
    evidence = evidence_table(
        identified, read_parquet(i.association), none_of_them(fermi), chandra, p.surveys
    )
    counterparts = counterpart_table(
        fermi,
        read_parquet(i.candidates),
        evidence,
        table,
        p.surveys,
        p.evidence,
        read_parquet(i.catalogue),
    )
    write_json(o.model, model_record(identified))
    # beside the shards, and no inputs: thousands would slow every start
    of_shards = (Path(shard).with_suffix(".provenance.json") for shard in i.shards)
    origin = Origin.of(p.about, [*i.records, *of_shards])
    for files, frame, columns in (
        (o.identifications, table, IDENTIFICATION_TABLE),
        (o.evidence, evidence, EVIDENCE_TABLE),
        (o.counterparts, counterparts, table_columns(p.surveys)),
    ):
        origin.write(files, frame, columns)
