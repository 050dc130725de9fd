"""Fetch the outlines of Chandra's observations, and record how."""

from xgamma.archive.connect import connect_outlines
from xgamma.archive.obscore import OUTLINE_COLUMNS, asked_band_deg, fetch_outlines
from xgamma.config.settings import load_config
from xgamma.provenance.record import fetch_record, write_provenance
from xgamma.run.job import job
from xgamma.stages.chosen import circles
from xgamma.stages.map_coverage import MARGIN_DEG
from xgamma.tables.files import read_parquet, write_parquet

with job(snakemake) as results:
    p = snakemake.params
    client = connect_outlines(load_config(snakemake.config), results)
    band_deg = asked_band_deg(p.latitude_cut_deg + MARGIN_DEG)
    chosen = snakemake.input.get("chosen")
    around = circles(read_parquet(chosen), "chanmaster") if chosen else None
    frame, answers = fetch_outlines(client, p.table, p.where, band_deg, around)
    outlines = snakemake.output.outlines
    write_parquet(outlines, frame, OUTLINE_COLUMNS)
    settings = {"url": p.url, "table": p.table, "where": p.where, "band_deg": band_deg}
    record = fetch_record(results, outlines, frame, OUTLINE_COLUMNS, answers, settings)
    write_provenance(snakemake.output.provenance, record)
