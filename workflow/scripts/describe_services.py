"""List the columns of every table that is used; stop if a required one is missing."""

from xgamma.catalogs import DESCRIPTION_COLUMNS
from xgamma.joblog import job
from xgamma.provenance import fetch_record, write_provenance
from xgamma.services import describe_services
from xgamma.tables import write_ecsv
from xgamma.tap import TapClient

with job(snakemake.log[0]):
    sky = snakemake.input.get("sky") or None
    clients = {
        name: TapClient(name, url, sky=sky, **snakemake.config["connections"][name])
        for name, url in snakemake.params.urls.items()
    }
    settings = {"urls": snakemake.params.urls, "surveys": snakemake.params.surveys}
    described, answers = describe_services(clients, settings["surveys"])
    write_ecsv(snakemake.output.columns, described, DESCRIPTION_COLUMNS)
    record = fetch_record(
        snakemake.output.columns, described, DESCRIPTION_COLUMNS, answers, settings
    )
    write_provenance(snakemake.output.provenance, record)
