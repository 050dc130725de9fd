"""Ask one survey for the sources around the targets of one shard."""

from xgamma.enrichment import SurveyTable, enrich_targets
from xgamma.joblog import job
from xgamma.services import missing_of_survey, read_description
from xgamma.tables import read_parquet, write_parquet
from xgamma.tap import TapClient

with job(snakemake.log[0]):
    survey = dict(snakemake.params.survey)
    missing = missing_of_survey(survey, read_description(snakemake.input.columns))
    service, _ = survey.pop("service"), survey.pop("optional")
    client = TapClient(
        service,
        snakemake.params.url,
        sky=snakemake.input.get("sky") or None,
        **snakemake.config["connections"][service],
    )
    targets = read_parquet(snakemake.input.targets)
    targets = targets[targets["shard"] == snakemake.wildcards.shard]
    found = enrich_targets(
        client, SurveyTable(**survey, missing=missing), targets, snakemake.params.nearest
    )
    write_parquet(snakemake.output.counterparts, *found)
