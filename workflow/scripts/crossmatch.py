"""Join Fermi and Chandra sources at HEASARC."""

from xgamma.archive.connect import connect
from xgamma.archive.services import read_description
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.stages.crossmatch import fetch_pairs
from xgamma.stages.pairs import EXCLUDED_COLUMNS, PAIR_COLUMNS, excluded_sources
from xgamma.tables.files import read_parquet, write_ecsv, write_parquet

with job(snakemake):
    client = connect(load_config(snakemake.config), "heasarc", snakemake.input.get("sky"))
    cut, min_flux = snakemake.params.latitude_cut_deg, snakemake.params.min_flux
    available = read_description(snakemake.input.columns)
    pairs, answers = fetch_pairs(client, cut, min_flux, available)
    excluded = excluded_sources(read_parquet(snakemake.input.fermi), cut)
    write_parquet(snakemake.output.pairs, pairs, PAIR_COLUMNS)
    write_ecsv(snakemake.output.excluded, excluded, EXCLUDED_COLUMNS)
    settings = {
        "url": snakemake.params.url,
        "latitude_cut_deg": cut,
        "min_flux": min_flux,
    }
    record = fetch_record(snakemake.output.pairs, pairs, PAIR_COLUMNS, answers, settings)
    write_provenance(snakemake.output.provenance, record)
