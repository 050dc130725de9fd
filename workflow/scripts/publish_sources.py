"""Write a page for each Fermi source that Chandra has seen."""

import json
from pathlib import Path

import pandas as pd

from xgamma.run.job import job
from xgamma.site.files import write_pages
from xgamma.site.run_page import about_run
from xgamma.site.source_pages import SourcePages
from xgamma.site.templates import render
from xgamma.stages.identify import motion_in_mas
from xgamma.stages.shard_file import ShardFile
from xgamma.tables.files import read_columns, read_parquet
from xgamma.tables.metadata import read_facts

with job(snakemake):
    i, o, p = snakemake.input, snakemake.output, snakemake.params
    objects, motion_mas = {}, {}
    for name, survey in p.surveys.items():
        files = [f for f in i.shards if ShardFile.of(f).survey == name]
        motion_mas[name] = motion_in_mas(read_columns(files[0]), survey) if files else 1.0
        of_chandra = [(read_parquet(f, ["around"])["around"] != "fermi").to_numpy() for f in files]
        frames = [read_parquet(f, rows=rows) for f, rows in zip(files, of_chandra, strict=True)]
        objects[name] = (
            pd.concat(frames, ignore_index=True)
            if frames
            else pd.DataFrame({"csc_name": pd.Series(dtype=str)})
        )
    tables = (
        "sources",
        "candidates",
        "evidence",
        "identifications",
        "counterparts",
        "cells",
        "association",
        "controls",
        "catalogue",
    )
    pages = SourcePages(
        **{table: read_parquet(i[table]) for table in tables},
        calibration=json.loads(Path(i.calibration).read_text(encoding="utf-8")),
        objects=objects,
        surveys=p.surveys,
        motion_mas=motion_mas,
        with_evidence=p.evidence,
        about=about_run(read_facts(i.counterparts)),
    )
    rendered = (
        (file, render("source.html", context, p.words)) for file, context in pages.contexts()
    )
    write_pages(o.manifest, Path(o.manifest).with_suffix(""), rendered)
