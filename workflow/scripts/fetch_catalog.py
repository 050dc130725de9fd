"""Fetch one whole catalogue, or read it from a file of the user's, and record how."""

from xgamma.archive.around import fetch_around, inside_circles
from xgamma.archive.catalogues import CATALOGUES, catalogues_of, columns_in, fetch_catalogue
from xgamma.archive.connect import connect
from xgamma.archive.own_catalogues import fetch_file
from xgamma.archive.services import read_description
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.stages.chosen import check_chandra_names, circles
from xgamma.tables.columns import empty_frame
from xgamma.tables.files import read_parquet, write_parquet

with job(snakemake) as results:
    config, name = load_config(snakemake.config), snakemake.wildcards.catalog
    known = catalogues_of(snakemake.params.spelt)
    # without a list of observations, an empty one
    catalogue = known.get(name, CATALOGUES[name])
    chosen = around = None
    if snakemake.input.chosen:
        chosen = read_parquet(snakemake.input.chosen)
        around = circles(chosen, name)
    if name in config.catalogs:
        table, answers = fetch_file(config, catalogue, results)
        settings = {"file": answers[0]["url"], "sha256": answers[0]["body"]}
        if around is not None:
            table = inside_circles(table, around)
    elif name not in known:
        table, answers = empty_frame([c.column for c in catalogue.columns]), []
        settings = {"url": snakemake.params.url}
    else:
        sky, service = snakemake.input.get("sky"), config.catalogs_service
        client = connect(config, service, sky, results=results)
        available = read_description(snakemake.input.columns)[service, catalogue.table]
        settings = {"url": snakemake.params.url}
        if around is not None:
            table, answers = fetch_around(client, catalogue, available, around)
        else:
            table, answers = fetch_catalogue(client, catalogue, available)
    if around is not None:
        if name == "csc":
            check_chandra_names(chosen, table)
        settings["circles"] = around.to_dict("records")
    columns = columns_in(catalogue, table)
    write_parquet(snakemake.output.catalog, table, columns)
    record = fetch_record(results, snakemake.output.catalog, table, columns, answers, settings)
    write_provenance(snakemake.output.provenance, record)
