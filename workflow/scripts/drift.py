"""Ask the services again, and say what has changed since; the products stay as they are."""

import datetime

import pandas as pd

from xgamma.archive.catalogues import catalogues_of
from xgamma.archive.connect import connect
from xgamma.config.settings import load_config
from xgamma.errors import XgammaError
from xgamma.provenance.drift import CHANGE_COLUMNS, ask_again, drift_text, table_changes
from xgamma.provenance.record import check_products, read_provenance
from xgamma.run.job import job
from xgamma.tables.files import write_ecsv
from xgamma.tables.whole_files import write_text

with job(snakemake) as results:
    p = snakemake.params
    if p.replay:
        raise XgammaError(
            "drift: a replay asks nobody; name the archive that it repeats: "
            "snakemake --cores 1 drift --config archive=demo"
        )
    provenance = read_provenance(results)
    check_products(results, provenance)
    clients, settings = {}, load_config(snakemake.config)
    archive = settings.folder_of(results, settings.archive)
    sky = archive / "archive/sky.duckdb" if p.simulated_sky else None
    for name in settings.services:
        # keeps nothing: the answers that are kept are those that the products rest on
        clients[name] = connect(settings, name, sky)
    catalogs = settings.catalogs_service
    known = catalogues_of(settings.spelt_tables(catalogs))
    rows, changes = {}, [pd.DataFrame(columns=[c.name for c in CHANGE_COLUMNS])]
    for asked in ask_again(clients, catalogs, known, results, provenance):
        rows[asked.table] = (len(asked.kept), len(asked.fresh))
        changes.append(table_changes(asked.table, asked.kept, asked.fresh, asked.key))
    changes = pd.concat(changes, ignore_index=True)
    newest = max(answer["started"] for answer in provenance["answers"].values())
    asked_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = drift_text(archive.name, results, rows, changes, (newest, asked_at))
    write_ecsv(results / "drift/drift.ecsv", changes, CHANGE_COLUMNS)
    write_text(results / "drift/drift.txt", text)
    print(text, end="")
