"""Fetch one whole catalogue, and record how."""

from xgamma.archive.around import fetch_around
from xgamma.archive.catalogues import CATALOGUES, catalogues_of, columns_in, fetch_catalogue
from xgamma.archive.connect import connect
from xgamma.archive.services import read_description
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.stages.chosen import check_chandra_names, circles
from xgamma.tables.columns import empty_frame
from xgamma.tables.files import read_parquet, write_parquet

with job(snakemake) as results:
    sky = snakemake.input.get("sky")
    config = load_config(snakemake.config)
    client = connect(config, config.catalogs_service, sky, results=results)
    known, name = catalogues_of(snakemake.params.spelt), snakemake.wildcards.catalog
    # without a list of observations, an empty one
    catalogue = known.get(name, CATALOGUES[name])
    settings = {"url": snakemake.params.url}
    if name not in known:
        frame, answers = empty_frame([c.column for c in catalogue.columns]), []
    else:
        available = read_description(snakemake.input.columns)[client.name, catalogue.table]
        if snakemake.input.chosen:
            chosen = read_parquet(snakemake.input.chosen)
            around = circles(chosen, name)
            frame, answers = fetch_around(client, catalogue, available, around)
            if name == "csc":
                check_chandra_names(chosen, frame)
            settings["circles"] = around.to_dict("records")
        else:
            frame, answers = fetch_catalogue(client, catalogue, available)
    columns = columns_in(catalogue, frame)
    write_parquet(snakemake.output.catalog, frame, columns)
    record = fetch_record(results, snakemake.output.catalog, frame, columns, answers, settings)
    write_provenance(snakemake.output.provenance, record)
