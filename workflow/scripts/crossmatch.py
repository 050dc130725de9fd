"""Join Fermi and Chandra sources where both are."""

from xgamma.archive.catalogues import catalogues_of
from xgamma.archive.connect import connect
from xgamma.archive.services import read_description
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.stages.chosen import narrowed
from xgamma.stages.crossmatch import fetch_pairs
from xgamma.stages.pairs import PAIR_COLUMNS
from xgamma.tables.files import read_parquet, write_parquet

with job(snakemake) as results:
    p = snakemake.params
    sky = snakemake.input.get("sky")
    config = load_config(snakemake.config)
    client = connect(config, config.catalogs_service, sky, results=results)
    available = read_description(snakemake.input.columns)
    fermi = None
    if snakemake.input.chosen:
        fermi = read_parquet(snakemake.input.fermi, ["name", "bii"])
        fermi, _ = narrowed(fermi, p.latitude_cut_deg, read_parquet(snakemake.input.chosen))
    known = catalogues_of(p.spelt)
    joined, answers = fetch_pairs(client, p.latitude_cut_deg, p.min_flux, available, fermi, known)
    write_parquet(snakemake.output.joined, joined, PAIR_COLUMNS)
    settings = {
        "url": p.url,
        "latitude_cut_deg": p.latitude_cut_deg,
        "min_flux": p.min_flux,
    }
    if fermi is not None:
        settings["sources"] = fermi["name"].tolist()
    record = fetch_record(results, snakemake.output.joined, joined, PAIR_COLUMNS, answers, settings)
    write_provenance(snakemake.output.provenance, record)
