"""Fetch one whole catalogue, and record how."""

from xgamma.archive.around import fetch_around
from xgamma.archive.catalogues import CATALOGUES, fetch_catalogue
from xgamma.archive.connect import connect
from xgamma.archive.services import read_description
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.stages.chosen import check_chandra_names, circles
from xgamma.tables.files import read_parquet, write_parquet

with job(snakemake) as results:
    sky = snakemake.input.get("sky")
    client = connect(load_config(snakemake.config), "heasarc", sky, results=results)
    catalogue = CATALOGUES[snakemake.wildcards.catalog]
    available = read_description(snakemake.input.columns)["heasarc", catalogue.table]
    settings = {"url": snakemake.params.url}
    if snakemake.input.chosen:
        chosen = read_parquet(snakemake.input.chosen)
        around = circles(chosen, snakemake.wildcards.catalog)
        frame, answers = fetch_around(client, catalogue, available, around)
        if snakemake.wildcards.catalog == "csc":
            check_chandra_names(chosen, frame)
        settings["circles"] = around.to_dict("records")
    else:
        frame, answers = fetch_catalogue(client, catalogue, available)
    columns = [c.column for c in catalogue.columns]
    write_parquet(snakemake.output.catalog, frame, columns)
    record = fetch_record(results, snakemake.output.catalog, frame, columns, answers, settings)
    write_provenance(snakemake.output.provenance, record)
