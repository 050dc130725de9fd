"""List the columns of every table of a service that is used; stop if a required one is missing."""

from xgamma.catalogs import DESCRIPTION_COLUMNS
from xgamma.joblog import job
from xgamma.provenance import fetch_record, write_provenance
from xgamma.services import describe_service
from xgamma.tables import write_ecsv
from xgamma.tap import TapClient

with job(snakemake.log[0]):
    p, service = snakemake.params, snakemake.wildcards.service
    client = TapClient(
        service,
        p.url,
        sky=snakemake.input.get("sky") or None,
        **snakemake.config["connections"][service],
    )
    described, answers = describe_service(client, p.surveys)
    write_ecsv(snakemake.output.columns, described, DESCRIPTION_COLUMNS)
    record = fetch_record(
        snakemake.output.columns,
        described,
        DESCRIPTION_COLUMNS,
        answers,
        {"url": p.url, "surveys": dict(p.surveys)},
    )
    write_provenance(snakemake.output.provenance, record)
