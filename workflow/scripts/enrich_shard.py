"""Ask one survey for the sources around the targets of one shard."""

from xgamma.enrichment import SurveyTable, enrich_targets
from xgamma.joblog import job
from xgamma.tables import read_parquet, write_parquet
from xgamma.tap import TapClient

with job(snakemake.log[0]):
    survey = dict(snakemake.params.survey)
    service = survey.pop("service")
    client = TapClient(
        service,
        snakemake.params.url,
        sky=snakemake.input.get("sky") or None,
        **snakemake.config["connections"][service],
    )
    targets = read_parquet(snakemake.input.targets)
    targets = targets[targets["shard"] == snakemake.wildcards.shard]
    found = enrich_targets(client, SurveyTable(**survey), targets, snakemake.params.nearest)
    write_parquet(snakemake.output.counterparts, *found)
