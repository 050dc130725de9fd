"""Join Fermi and Chandra sources where both are, or here where one is a file of the user's."""

import json
from pathlib import Path

from xgamma.archive.catalogues import catalogues_of
from xgamma.archive.connect import connect
from xgamma.archive.services import read_description
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.stages.chosen import narrowed
from xgamma.stages.crossmatch import fetch_pairs
from xgamma.stages.crossmatch_own import join_by_upload, join_here, with_circles
from xgamma.stages.pairs import PAIR_COLUMNS
from xgamma.tables.files import read_parquet, write_parquet

with job(snakemake) as results:
    i, p = snakemake.input, snakemake.params
    config, known = load_config(snakemake.config), catalogues_of(p.spelt)
    chosen = read_parquet(i.chosen) if i.chosen else None
    settings = {
        "url": p.url,
        "latitude_cut_deg": p.latitude_cut_deg,
        "min_flux": p.min_flux,
    }
    fermi = None
    if i.fermi:
        needed = None if i.csc else ["name", "bii"]
        fermi, cut = narrowed(read_parquet(i.fermi, needed), p.latitude_cut_deg, chosen)
    if i.csc:
        client = connect(config, config.catalogs_service, i.get("sky"), results=results)
        fermi = with_circles(fermi, cut)
        if client.upload and "csc" not in config.catalogs:
            available = read_description(i.columns)
            joined, answers = join_by_upload(client, fermi, p.min_flux, available, known)
            settings["join"] = "upload"
        else:
            joined, answers = join_here(fermi, read_parquet(i.csc), p.min_flux), []
            settings["join"] = "here"
        # what the rows are of, besides
        for path in i.records:
            answers += json.loads(Path(path).read_text(encoding="utf-8"))["answers"]
    else:
        client = connect(config, config.catalogs_service, i.get("sky"), results=results)
        available = read_description(i.columns)
        limits = p.latitude_cut_deg, p.min_flux
        joined, answers = fetch_pairs(client, *limits, available, fermi, known)
    if chosen is not None:
        settings["sources"] = fermi["name"].tolist()
    write_parquet(snakemake.output.joined, joined, PAIR_COLUMNS)
    record = fetch_record(results, snakemake.output.joined, joined, PAIR_COLUMNS, answers, settings)
    write_provenance(snakemake.output.provenance, record)
