"""Hold the service's pairs against the same join of the fetched catalogues."""

import dataclasses

from xgamma.run.job import job
from xgamma.stages.verify_crossmatch import verify_pairs
from xgamma.tables.files import read_parquet, write_json

with job(snakemake):
    verification = verify_pairs(
        read_parquet(snakemake.input.pairs),
        read_parquet(snakemake.input.fermi),
        read_parquet(snakemake.input.csc, ["name", "ra", "dec", "b_flux_ap"]),
        snakemake.params.latitude_cut_deg,
        snakemake.params.min_flux,
    )
    write_json(snakemake.output.verification, dataclasses.asdict(verification))
