"""Find which Chandra source each Fermi source is, and how sure that is."""

from xgamma.run.job import job
from xgamma.run.places import EXTENDED_LIST, workflow_file
from xgamma.stages.associate import (
    CANDIDATE_COLUMNS,
    SOURCE_COLUMNS,
    associate,
    candidate_frame,
    model_record,
    sample,
    source_frame,
)
from xgamma.stages.map_coverage import EXTENDED_COLUMNS, cells_of_frame
from xgamma.tables.files import read_ecsv, read_parquet, write_parquet
from xgamma.tables.whole_files import write_json

with job(snakemake):
    i, p, o = snakemake.input, snakemake.params, snakemake.output
    of = sample(
        read_parquet(i.fermi),
        read_parquet(i.csc),
        read_ecsv(workflow_file(EXTENDED_LIST), EXTENDED_COLUMNS),
        cells_of_frame(read_parquet(i.cells)),
        p.latitude_cut_deg,
    )
    found = associate(of, p.fixed)
    write_parquet(o.candidates, candidate_frame(of, found), CANDIDATE_COLUMNS)
    write_parquet(o.sources, source_frame(of, found), SOURCE_COLUMNS)
    write_json(o.model, model_record(of, found))
