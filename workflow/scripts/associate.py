"""Find which Chandra source each Fermi source is, and how sure that is."""

from xgamma.run.job import job
from xgamma.run.places import EXTENDED_LIST, workflow_file
from xgamma.stages.associate import (
    CANDIDATE_COLUMNS,
    SOURCE_COLUMNS,
    XRAY_COLUMNS,
    associate,
    candidate_frame,
    model_record,
    sample,
    source_frame,
)
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
    found = associate(of, p.fixed)
    for path, frame, columns in (
        (o.candidates, candidate_frame(of, found), CANDIDATE_COLUMNS),
        (o.sources, source_frame(of, found), SOURCE_COLUMNS),
    ):
        write_parquet(path, of_named(frame, chosen), columns)
    write_json(o.model, model_record(of, found))
