"""Check whether the probabilities hold."""

import json
from pathlib import Path

from xgamma.association.posterior import Model
from xgamma.run.job import job
from xgamma.run.places import EXTENDED_LIST, workflow_file
from xgamma.stages.associate import XRAY_COLUMNS, read_model, sample
from xgamma.stages.calibrate import CONTROL_COLUMNS, KNOWN_COLUMNS, calibrate
from xgamma.stages.chosen import of_named
from xgamma.stages.map_coverage import EXTENDED_COLUMNS, cells_of_frame
from xgamma.tables.files import read_ecsv, read_parquet, write_parquet
from xgamma.tables.whole_files import write_json

with job(snakemake):
    i, p, o = snakemake.input, snakemake.params, snakemake.output
    chosen = read_parquet(i.chosen) if i.chosen else None
    of = sample(
        read_parquet(i.fermi),
        read_parquet(i.csc, XRAY_COLUMNS),
        read_ecsv(workflow_file(EXTENDED_LIST), EXTENDED_COLUMNS),
        cells_of_frame(read_parquet(i.cells)),
        p.latitude_cut_deg,
        () if chosen is None else chosen["fermi_name"].tolist(),
    )
    model = read_model(json.loads(Path(i.model).read_text(encoding="utf-8")))
    record, by_source, known = calibrate(of, model, Model.stated(model.counts), p.fixed, p.controls)
    write_json(o.record, record)
    write_parquet(o.controls, of_named(by_source, chosen), CONTROL_COLUMNS)
    write_parquet(o.known, of_named(known, chosen), KNOWN_COLUMNS)
