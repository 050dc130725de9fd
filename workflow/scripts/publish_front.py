"""Write the front page, and what lies beside all pages."""

import json
from pathlib import Path

from xgamma.run.job import job
from xgamma.site.files import ASSET_FILES, write_assets
from xgamma.site.front_page import front_context
from xgamma.site.run_page import about_run
from xgamma.site.templates import render
from xgamma.tables.files import read_parquet
from xgamma.tables.metadata import read_facts
from xgamma.tables.whole_files import write_text

with job(snakemake):
    i, o, p = snakemake.input, snakemake.output, snakemake.params
    tables = ("sources", "counterparts", "candidates", "identifications", "cells")
    context = front_context(
        **{table: read_parquet(i[table]) for table in tables},
        summary=json.loads(Path(i.summary).read_text(encoding="utf-8")),
        about=about_run(read_facts(i.counterparts)),
        latitude_cut_deg=p.latitude_cut_deg,
        named=p.sources,
        with_evidence=p.evidence,
        surveys=p.surveys,
    )
    write_assets(dict(zip(ASSET_FILES, o.assets, strict=True)))
    write_text(o.page, render("index.html", context, p.words))
