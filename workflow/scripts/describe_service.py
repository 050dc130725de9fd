"""List the columns of every table of a service that is used; stop if a required one is missing."""

from xgamma.archive.catalogues import catalogues_of
from xgamma.archive.connect import connect
from xgamma.archive.services import DESCRIPTION_COLUMNS, describe_service
from xgamma.archive.surveys import service_described
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.tables.files import write_ecsv

with job(snakemake) as results:
    p, config = snakemake.params, load_config(snakemake.config)
    service = service_described(snakemake.wildcards.description, config.catalogs_service)
    client = connect(config, service, snakemake.input.get("sky"), results=results)
    described, answers = describe_service(client, p.surveys, catalogues_of(p.spelt), p.files)
    write_ecsv(snakemake.output.columns, described, DESCRIPTION_COLUMNS)
    asked = {"url": p.url, "surveys": dict(p.surveys)}
    if p.files:
        asked["files"] = list(p.files)
    record = fetch_record(
        results,
        snakemake.output.columns,
        described,
        DESCRIPTION_COLUMNS,
        answers,
        asked,
    )
    write_provenance(snakemake.output.provenance, record)
