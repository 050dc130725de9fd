"""Compare two finished runs: tables, a summary in words, figures, and a page."""

import os
from pathlib import Path

from xgamma.config.settings import load_config
from xgamma.errors import XgammaError
from xgamma.figures.comparisons import plot_moves, plot_p_before_after, plot_state_flows
from xgamma.figures.style import save_figures
from xgamma.provenance.record import file_digest, software_versions
from xgamma.provenance.table_metadata import write_compared
from xgamma.run.job import job
from xgamma.run.places import EXTENDED_LIST, workflow_file
from xgamma.site.comparison_page import comparison_context
from xgamma.site.run_page import about_run
from xgamma.site.templates import ASSETS, render
from xgamma.stages.compare import COMPARED_CHANDRA, COMPARED_SOURCES, compare_runs
from xgamma.stages.compared_run import comparison_folder, read_run
from xgamma.stages.comparison_words import comparison_sections, differing_settings, markdown
from xgamma.stages.map_coverage import EXTENDED_COLUMNS
from xgamma.tables.files import read_ecsv
from xgamma.tables.metadata import read_facts
from xgamma.tables.whole_files import write_json, write_text

with job(snakemake) as results:
    p = snakemake.params
    if len(p.compare) != 2 or p.compare[0] == p.compare[1]:
        raise XgammaError(
            "compare: name the folders of two runs, the earlier one first: "
            "snakemake --cores 1 compare --config 'compare=[results/a, results/b]'"
        )
    runs = first, second = [read_run(folder) for folder in p.compare]
    extended = read_ecsv(workflow_file(EXTENDED_LIST), EXTENDED_COLUMNS)
    found = compare_runs(first, second, extended)

    settings = load_config(snakemake.config)
    folder = settings.folder_of(results, "comparisons") / comparison_folder(p.compare)
    facts = [read_facts(Path(run.folder) / "tables/fermi_sources.parquet") for run in runs]
    for name, frame, columns in (
        ("compared_sources", found.sources, COMPARED_SOURCES),
        ("compared_chandra", found.chandra, COMPARED_CHANDRA),
    ):
        files = [folder / f"tables/{name}.{ending}" for ending in ("parquet", "ecsv", "csv")]
        write_compared(files, frame, columns, facts)
    figures = {
        "compared_probabilities": plot_p_before_after(found.sources, *p.compare),
        "compared_moves": plot_moves(found.sources),
        "compared_states": plot_state_flows(found.sources, *p.compare),
    }
    files = {
        name: [folder / f"figures/{name}.{ending}" for ending in p.formats] for name in figures
    }
    save_figures(figures, files, p.dpi, any(run.simulated for run in runs))

    title = f"{first.folder} and {second.folder} compared"
    lists = [
        next((one for one in of.get("catalogues", ()) if ": fermilpsc at " in one), "not known")
        for of in facts
    ]
    sections = comparison_sections(first, second, found, lists)
    write_text(folder / "summary.md", markdown(title, sections))
    context = comparison_context(
        title,
        sections,
        found.sources,
        runs,
        [f"{Path(os.path.relpath(run.folder, folder), 'site').as_posix()}/" for run in runs],
        {name: paths[p.formats.index("png")] for name, paths in files.items()},
    )
    about = about_run(facts[1]) | {
        "archive": " and ".join(dict.fromkeys(of["archive"] for of in facts)),
        "simulated": any(run.simulated for run in runs),
    }
    write_text(folder / "index.html", render("comparison.html", {"about": about, **context}))
    write_text(folder / "assets/site.css", (ASSETS / "site.css").read_text(encoding="utf-8"))

    # last: what is here is whole
    made = sorted(path for path in folder.rglob("*") if path.is_file())
    write_json(
        folder / "comparison.json",
        {
            "runs": [
                {
                    "folder": run.folder,
                    "simulated": run.simulated,
                    "software": run.provenance["software"],
                    "digests": dict(run.digests),
                }
                for run in runs
            ],
            "settings": [
                {"key": key, "before": before, "after": after}
                for key, before, after in differing_settings(first, second)
            ],
            "numbers": found.numbers,
            "software": software_versions(),
            "products": {
                path.relative_to(folder).as_posix(): file_digest(path)
                for path in made
                if path.name != "comparison.json"
            },
        },
    )
    print(f"xgamma: {found.numbers['in_both_runs']:,} sources compared: {folder}/index.html")
