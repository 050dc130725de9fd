"""Ask the services again, and say what has changed since; the products stay as they are."""

import datetime
from pathlib import Path

import pandas as pd

from xgamma.drift import CHANGE_COLUMNS, ask_again, drift_text, table_changes
from xgamma.errors import XgammaError
from xgamma.joblog import job
from xgamma.provenance import check_products, read_provenance
from xgamma.tables import write_ecsv, write_text
from xgamma.tap import TapClient

with job(snakemake.log[0]):
    p, results = snakemake.params, Path(snakemake.params.results)
    if p.replay:
        raise XgammaError(
            "drift: a replay asks nobody; name the archive that it repeats: "
            "snakemake --cores 1 drift --config archive=demo"
        )
    provenance = read_provenance(results)
    check_products(results, provenance)
    clients = {}
    for name, url in p.urls.items():
        # keeps nothing: the answers that are kept are those that the products rest on
        connection = snakemake.config["connections"][name] | {"answers": None}
        clients[name] = TapClient(name, url, sky=p.sky or None, **connection)
    rows, changes = {}, [pd.DataFrame(columns=[c.name for c in CHANGE_COLUMNS])]
    for asked in ask_again(clients, results, provenance):
        rows[asked.table] = (len(asked.kept), len(asked.now))
        changes.append(table_changes(asked.table, asked.kept, asked.now, asked.key))
    changes = pd.concat(changes, ignore_index=True)
    newest = max(answer["started"] for answer in provenance["answers"].values())
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = drift_text(results.name, rows, changes, (newest, now))
    write_ecsv(results / "drift/drift.ecsv", changes, CHANGE_COLUMNS)
    write_text(results / "drift/drift.txt", text)
    print(text, end="")
