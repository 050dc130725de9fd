"""Divide the targets of the enrichment into shards, and name each shard's file."""

from pathlib import Path

from xgamma.archive.services import read_description
from xgamma.archive.surveys import missing_of_survey
from xgamma.run.job import job
from xgamma.stages.shard_sources import (
    TARGET_COLUMNS,
    ShardBasis,
    build_targets,
    likely_beyond_pairs,
    shard_digests,
    with_positions,
)
from xgamma.tables.files import read_parquet, write_parquet
from xgamma.tables.whole_files import write_json

with job(snakemake):
    i, p = snakemake.input, snakemake.params
    pairs = read_parquet(i.pairs)
    candidates = with_positions(
        read_parquet(i.candidates, ["fermi_name", "csc_name", "p_association"]),
        read_parquet(i.fermi, ["name", "ra", "dec", "source_type"]),
        read_parquet(i.csc, ["name", "ra", "dec", "error_ellipse_r0"]),
    )
    targets = build_targets(
        pairs,
        likely_beyond_pairs(candidates, pairs, p.least_probability),
        radius_deg=p.radius_deg,
        csc_radius_arcsec=p.csc_radius_arcsec,
        csc_radius_sigma=p.csc_radius_sigma,
        csc_radius_most_arcsec=p.csc_radius_most_arcsec,
        by=p.by,
        order=p.order,
        most_together=p.most_together,
    )
    available = read_description(*i.columns)
    sky = Path(i.sky_record).read_text(encoding="utf-8") if i.sky_record else None
    manifest = {}
    for name, survey in p.surveys.items():
        basis = ShardBasis(
            url=p.urls[survey["service"]],
            survey=survey,
            missing=missing_of_survey(survey, available),
            nearest=p.nearest,
            sky=sky,
            kept_answers=p.kept_answers,
            code=p.enrichment_code,
        )
        manifest[name] = shard_digests(targets, basis)
    write_parquet(snakemake.output.targets, targets, TARGET_COLUMNS)
    write_json(snakemake.output.manifest, manifest)
