"""Fetch one whole catalogue, and record how."""

from xgamma.catalogs import CATALOGUES, fetch_catalogue
from xgamma.joblog import job
from xgamma.provenance import fetch_record, write_provenance
from xgamma.services import read_description
from xgamma.tables import write_parquet
from xgamma.tap import TapClient

with job(snakemake.log[0]):
    client = TapClient(
        "heasarc",
        snakemake.params.url,
        sky=snakemake.input.get("sky") or None,
        **snakemake.config["connections"]["heasarc"],
    )
    catalogue = CATALOGUES[snakemake.wildcards.catalog]
    available = read_description(snakemake.input.columns)["heasarc", catalogue.table]
    frame, answers = fetch_catalogue(client, catalogue, available)
    columns = [c.column for c in catalogue.columns]
    write_parquet(snakemake.output.catalog, frame, columns)
    settings = {"url": snakemake.params.url}
    record = fetch_record(snakemake.output.catalog, frame, columns, answers, settings)
    write_provenance(snakemake.output.provenance, record)
