"""Divide the targets of the enrichment into shards, and name each shard's file."""

from pathlib import Path

from xgamma.archive.services import read_description
from xgamma.archive.surveys import missing_of_survey
from xgamma.run.job import job
from xgamma.stages.shard_sources import TARGET_COLUMNS, build_targets, shard_digests
from xgamma.tables.files import read_parquet, write_json, write_parquet

with job(snakemake.log[0]):
    p = snakemake.params
    targets = build_targets(
        read_parquet(snakemake.input.pairs),
        radius_deg=p.radius_deg,
        csc_radius_arcsec=p.csc_radius_arcsec,
        by=p.by,
        order=p.order,
    )
    common = {"nearest": p.nearest, "code": p.enrichment_code}
    if snakemake.input.sky_record:
        # the demo archive's address is always the same, its sky is not
        common["sky"] = Path(snakemake.input.sky_record).read_text(encoding="utf-8")
    if p.kept_answers:
        common["kept_answers"] = p.kept_answers
    available = read_description(*snakemake.input.columns)
    manifest = {
        name: shard_digests(
            targets,
            {
                **common,
                "survey": survey,
                "missing": missing_of_survey(survey, available),
                "url": p.urls[survey["service"]],
            },
        )
        for name, survey in p.surveys.items()
    }
    write_parquet(snakemake.output.targets, targets, TARGET_COLUMNS)
    write_json(snakemake.output.manifest, manifest)
