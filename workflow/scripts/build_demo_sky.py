"""Simulate the demo archive's sky."""

from pathlib import Path

from xgamma.demo.sky.build import build_sky, content_digest
from xgamma.run.job import job
from xgamma.run.places import FERMI_LIST, FERMI_LISTS, workflow_file
from xgamma.tables.whole_files import write_json

with job(snakemake):
    size, seed = snakemake.params.size, snakemake.params.seed
    sky = Path(snakemake.output.sky)
    build_sky(
        sky,
        size=size,
        seed=seed,
        resource=workflow_file(FERMI_LIST),
        served=workflow_file(FERMI_LISTS[snakemake.params.served]),
        truth_path=snakemake.output.truth,
        fates_path=snakemake.output.fates,
    )
    record = {"size": size, "seed": seed, "content": content_digest(sky)}
    if snakemake.params.served != "dr4":
        record["fermi"] = snakemake.params.served
    write_json(snakemake.output.record, record)
