"""Write the pages of figures, method, columns, the notebook, and where the run is from."""

import json
import shutil
from pathlib import Path

from xgamma.association.states import LIKELY
from xgamma.provenance.record import file_digest, software_versions
from xgamma.run.job import job
from xgamma.run.places import workflow_file
from xgamma.site.documents import document
from xgamma.site.figure_pages import figures_context, notebook_context, png_size, small_table
from xgamma.site.run_page import about_run, run_context
from xgamma.site.templates import render
from xgamma.stages.class_subsample import SHARE_COLUMNS, subsample_columns
from xgamma.tables.files import read_ecsv, read_parquet
from xgamma.tables.metadata import read_facts
from xgamma.tables.whole_files import atomic_path, write_text
from xgamma.tables.xray_words import XrayWords

with job(snakemake):
    i, o, p = snakemake.input, snakemake.output, snakemake.params
    files, sizes = {}, {}
    for figure, copy in zip(i.figures, o.figures, strict=True):
        files[Path(figure).stem] = Path(figure).name
        sizes[Path(figure).stem] = png_size(figure)
        with atomic_path(copy) as beside:
            shutil.copyfile(figure, beside)
    said = XrayWords(**p.words)
    columns = {"class_shares": SHARE_COLUMNS, "class_subsample": subsample_columns(p.surveys)}
    columns = {name: said.columns(of_table) for name, of_table in columns.items()}
    tables = {
        Path(file).stem: small_table(
            read_ecsv(file, columns[Path(file).stem]), columns[Path(file).stem]
        )
        for file in i.class_tables
    }
    about = about_run(read_facts(i.counterparts))
    summary = json.loads(Path(i.summary).read_text(encoding="utf-8"))
    likely = int((read_parquet(i.counterparts)["p_counterpart"] >= LIKELY).sum())
    results = Path(o.pages[0]).parents[1]
    records = {
        Path(path).relative_to(results).as_posix().replace(".provenance.json", ".parquet"): (
            json.loads(Path(path).read_text(encoding="utf-8"))
        )
        for path in i.records
    }
    of_docs = {"method.md": "method.html", "columns.md": "columns.html"}

    def read(name):
        text = Path(workflow_file(f"docs/{name}.md")).read_text(encoding="utf-8")
        return {"title": name.capitalize(), "body": document(text, of_docs), "here": f"{name}.html"}

    contexts = {
        "figures": (
            "figures.html",
            {"groups": []}
            if p.sources
            else figures_context(p.formats, files, sizes, p.captions, tables),
        ),
        "method": ("document.html", read("method")),
        "notebook": (
            "notebook.html",
            {"named": bool(p.sources), **notebook_context(summary, likely, files)},
        ),
        "columns": ("document.html", read("columns")),
        "run": (
            "run.html",
            run_context(
                records,
                {"/".join(Path(t).parts[-2:]): file_digest(t) for t in i.tables},
                Path(i.summary_text).read_text(encoding="utf-8"),
                software_versions(),
                about,
            ),
        ),
    }
    for path in o.pages:
        template, context = contexts[Path(path).stem]
        # the method and the columns are documents of the workflow, which is about Chandra
        words = p.words if Path(path).stem in ("figures", "run") else {}
        write_text(path, render(template, {"about": about, **context}, words))
