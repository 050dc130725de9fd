"""Let the service's pairs pass if they are those of the same join of the fetched catalogues."""

import dataclasses

from xgamma.run.job import job
from xgamma.stages.chosen import narrowed
from xgamma.stages.pairs import EXCLUDED_COLUMNS, PAIR_COLUMNS, excluded_sources
from xgamma.stages.verify_crossmatch import verify_pairs
from xgamma.tables.files import read_parquet, write_ecsv, write_parquet
from xgamma.tables.whole_files import write_json

with job(snakemake):
    p = snakemake.params
    joined = read_parquet(snakemake.input.joined)
    chosen = read_parquet(snakemake.input.chosen) if snakemake.input.chosen else None
    fermi, cut = narrowed(read_parquet(snakemake.input.fermi), p.latitude_cut_deg, chosen)
    csc = read_parquet(snakemake.input.csc, ["name", "ra", "dec", "b_flux_ap"])
    verification = verify_pairs(joined, fermi, csc, cut, p.min_flux)
    excluded = excluded_sources(fermi, cut)
    write_json(snakemake.output.verification, dataclasses.asdict(verification))
    write_ecsv(snakemake.output.excluded, excluded, EXCLUDED_COLUMNS)
    write_parquet(snakemake.output.pairs, joined, PAIR_COLUMNS)
