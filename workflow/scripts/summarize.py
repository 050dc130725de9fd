"""Every number, for machines and for people."""

import json
from pathlib import Path

from xgamma.archive.services import read_description
from xgamma.run.job import job
from xgamma.stages.chosen import narrowed
from xgamma.stages.pairs import EXCLUDED_COLUMNS
from xgamma.stages.summarize import build_summary, summary_text
from xgamma.tables.files import read_ecsv, read_parquet
from xgamma.tables.whole_files import write_json, write_text
from xgamma.tables.xray_words import XrayWords

with job(snakemake):
    i, p = snakemake.input, dict(snakemake.params.items())
    words = p.pop("words")
    chosen = read_parquet(i.chosen) if i.chosen else None
    fermi, p["latitude_cut_deg"] = narrowed(read_parquet(i.fermi), p["latitude_cut_deg"], chosen)
    if chosen is None:
        del p["sources"]
    summary = build_summary(
        settings={key: value for key, value in p.items() if key != "code"},
        described=read_description(*i.columns),
        chanmaster=read_parquet(i.chanmaster, ["exposure", "status"]),
        csc=read_parquet(i.csc, ["b_flux_ap", "bii"]),
        fermi=fermi,
        pairs=read_parquet(i.pairs),
        excluded=read_ecsv(i.excluded, EXCLUDED_COLUMNS),
        verification=json.loads(Path(i.verification).read_text(encoding="utf-8")),
        fermi_sources=read_parquet(i.fermi_sources),
        candidates=read_parquet(i.candidates, ["fermi_name", "rank", "p_association"]),
        calibration=json.loads(Path(i.calibration).read_text(encoding="utf-8")),
        counterparts={
            name: read_parquet(file)
            for name, file in zip(p["surveys"], i.counterparts, strict=True)
        },
    )
    write_json(snakemake.output.json, summary)
    write_text(snakemake.output.text, XrayWords(**words).said(summary_text(summary)))
