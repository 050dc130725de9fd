"""Ask one survey for the sources around the targets of one shard."""

from xgamma.archive.connect import connect
from xgamma.archive.services import read_description
from xgamma.archive.surveys import SurveyTable, missing_of_survey
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.stages.enrich_shard import enrich_targets
from xgamma.tables.files import read_parquet, write_parquet

with job(snakemake) as results:
    p = snakemake.params
    service = p.survey["service"]
    missing = missing_of_survey(p.survey, read_description(snakemake.input.columns))
    sky = snakemake.input.get("sky")
    client = connect(load_config(snakemake.config), service, sky, results=results)
    targets = read_parquet(snakemake.input.targets)
    targets = targets[targets["shard"] == snakemake.wildcards.shard]
    found, columns, answers = enrich_targets(
        client, SurveyTable.of(p.survey, missing), targets, p.nearest
    )
    settings = {"url": p.url, "survey": dict(p.survey), "nearest": p.nearest}
    record = fetch_record(results, snakemake.output.counterparts, found, columns, answers, settings)
    # the table comes last: if it is there, so is its record, whatever was killed in between
    write_provenance(snakemake.output.provenance, record)
    write_parquet(snakemake.output.counterparts, found, columns)
