"""Write the tables, the coverage and the candidates for TOPCAT, DS9 and Aladin."""

from pathlib import Path

from xgamma.exports.ds9 import write_candidates, write_coverage, write_ellipses
from xgamma.exports.fits_tables import write_fits
from xgamma.exports.programs import aladin_script, topcat_script
from xgamma.exports.votables import write_votable
from xgamma.run.job import job
from xgamma.tables.files import read_columns, read_parquet
from xgamma.tables.metadata import read_metadata
from xgamma.tables.whole_files import atomic_path, write_text

with job(snakemake):
    from mocpy import MOC

    i, o = snakemake.input, snakemake.output
    frames, about = {}, {}
    for path, votable, fits in zip(i.tables, o.votables, o.fits, strict=True):
        frame, columns, name = read_parquet(path), read_columns(path), Path(path).stem
        frames[name], about[name] = frame, read_metadata(path)
        write_votable(votable, frame, columns, about[name])
        write_fits(fits, frame, columns, about[name])
    counterparts = frames["counterparts"]
    states = counterparts.set_index("fermi_name")["state"]
    # what is known with the optical evidence, as the table of counterparts has it
    fermi = frames["fermi_sources"].assign(state=lambda t: t["fermi_name"].map(states))
    write_ellipses(o.ellipses, fermi, about["fermi_sources"])
    write_candidates(o.candidates, frames["candidates"], counterparts, about["candidates"])

    moc = MOC.from_fits(i.moc)
    write_coverage(o.coverage, moc, about["fermi_sources"])
    with atomic_path(o.moc) as beside:
        # a number per cell, which TOPCAT can draw; the newer form has ranges of numbers
        moc.save(beside, overwrite=True, v1_compatible=True)

    votables, map_file = [Path(path).name for path in o.votables], Path(o.moc).name
    write_text(o.topcat, topcat_script(votables, [map_file]))
    write_text(o.aladin, aladin_script([map_file, Path(o.ellipses).name, *votables]))
