"""Map where Chandra has looked, and how deep."""

from xgamma.errors import XgammaError
from xgamma.run.job import job
from xgamma.run.places import EXTENDED_LIST, workflow_file
from xgamma.stages.chosen import WHOLE_SKY_DEG
from xgamma.stages.map_coverage import (
    CELL_COLUMNS,
    EXTENDED_COLUMNS,
    cells_around,
    frame_of_cells,
    map_coverage,
    moc_of_cells,
)
from xgamma.tables.files import read_ecsv, read_parquet, write_parquet
from xgamma.tables.whole_files import atomic_path

with job(snakemake):
    from mocpy import MOC

    i, p = snakemake.input, snakemake.params
    moc = None
    if p.source == "moc":
        try:
            moc = MOC.from_fits(i.moc)
        except Exception as error:
            raise XgammaError(
                f"coverage.moc: {i.moc} cannot be read as a coverage map (MOC): {error}"
            ) from error
    fermi, cut, chosen = read_parquet(i.fermi), p.latitude_cut_deg, None
    if i.chosen:
        chosen, cut = read_parquet(i.chosen), WHOLE_SKY_DEG
        fermi = fermi[fermi["name"].isin(chosen["fermi_name"])]
    cells = map_coverage(
        read_parquet(i.chanmaster),
        read_parquet(i.csc, ["ra", "dec", "bii", "b_flux_ap"]),
        fermi,
        read_ecsv(workflow_file(EXTENDED_LIST), EXTENDED_COLUMNS),
        latitude_cut_deg=cut,
        public_by=p.public_by,
        moc=moc,
        radius_arcmin=p.radius_arcmin,
        outlines=read_parquet(i.outlines) if p.source == "obscore" else None,
    )
    if chosen is not None:
        cells = cells_around(cells, chosen)
    write_parquet(snakemake.output.cells, frame_of_cells(cells), CELL_COLUMNS)
    with atomic_path(snakemake.output.moc) as beside:
        moc_of_cells(cells).save(beside, format="fits", overwrite=True)
