"""Small finished runs, in memory and on disk: what their comparison reads, made by the stages."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from uniform_sky import disc

from xgamma.archive.catalogues import CATALOGUES, columns_in
from xgamma.association.positions import Ellipses
from xgamma.stages.associate import (
    associate,
    candidate_frame,
    model_record,
    sample,
    source_frame,
)
from xgamma.stages.calibrate import CONTROL_COLUMNS
from xgamma.stages.compared_run import RUN_FILES
from xgamma.stages.map_coverage import CELL_COLUMNS, EXTENDED_COLUMNS, frame_of_cells
from xgamma.stages.tabulate import CANDIDATE_TABLE, FERMI_TABLE, candidate_table, fermi_table
from xgamma.tables.columns import conform, empty_frame
from xgamma.tables.files import write_parquet
from xgamma.tables.metadata import TableMetadata

NO_TEMPLATES = empty_frame(EXTENDED_COLUMNS)


def fermi_frame(names, ra, dec, radius=0.04, flux=1e-11, classes="", references=None):
    """Fermi sources near the centre of the disc that Chandra has seen."""
    n = len(names)
    frame = pd.DataFrame(
        {"name": names, "ra": np.array(ra, float), "dec": np.array(dec, float)}
        | {"lii": 212.0, "bii": 0.5, "semi_major_axis_95": radius, "semi_minor_axis_95": radius}
        | {"position_angle_95": 0.0, "energy_flux": flux, "energy_flux_error": 1e-12}
        | {"detection_significance": 20.0, "assoc_name": "", "analysis_flags": 0}
        | {"pl_index": 2.2, "variability_index": 10.0, "lp_sigcurv": 1.0}
        | {"counterpart_ra": np.nan, "counterpart_dec": np.nan}
    )
    frame["source_type"] = [classes] * n if isinstance(classes, str) else classes
    if references is not None:
        frame["assoc_fgl"] = references
    return conform(frame, columns_in(CATALOGUES["fermilpsc"], frame))


def csc_frame(names, ra, dec, log_flux):
    """Chandra sources with errors of 0.8 arcsec."""
    frame = pd.DataFrame(
        {"name": names, "ra": np.array(ra, float), "dec": np.array(dec, float)}
        | {"lii": 212.0, "bii": 0.5, "error_ellipse_r0": 0.8, "error_ellipse_r1": 0.8}
        | {"error_ellipse_angle": 0.0, "b_flux_ap": 10 ** np.array(log_flux, float)}
    )
    columns = [one.column for one in CATALOGUES["csc"].columns]
    for column in columns:
        if column.name not in frame:
            frame[column.name] = column.null
    return conform(frame, columns)


def write_run(folder: Path, fermi: pd.DataFrame, csc: pd.DataFrame, **config) -> str:
    """The files of a finished run of these catalogues; the folder as text."""
    cells = disc(100, 0, 1.0)
    of = sample(fermi, csc, NO_TEMPLATES, cells, 10.0)
    assert isinstance(of.ellipses, Ellipses)
    found = associate(of, {})
    candidates = candidate_table(candidate_frame(of, found), fermi, csc)
    sources = fermi_table(source_frame(of, found), candidates, empty_frame(CONTROL_COLUMNS), fermi)
    about = TableMetadata(
        "fermi_sources", "One row per Fermi source.", "demo", True,
        ("4FGL-DR4: fermilpsc at heasarc",), software="xgamma 0.1.0", cite=("xgamma",),
    )  # fmt: skip
    for file, frame, columns, *rest in (
        ("catalogs/fermilpsc", fermi, columns_in(CATALOGUES["fermilpsc"], fermi)),
        ("catalogs/csc", csc, [one.column for one in CATALOGUES["csc"].columns]),
        ("coverage/fields", frame_of_cells(cells), CELL_COLUMNS),
        ("tables/candidates", candidates, CANDIDATE_TABLE),
        ("tables/fermi_sources", sources, FERMI_TABLE, about),
    ):
        path = folder / f"{file}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_parquet(path, frame, columns, *rest)
    (folder / "association").mkdir(exist_ok=True)
    (folder / "association/model.json").write_text(json.dumps(model_record(of, found)))
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site/sources.json").write_text('{"4FGL_J0640.0+0000.html": "0"}')
    describe(folder, config)
    return str(folder)


def describe(folder: Path, config=None) -> None:
    """`provenance.json` of what is there."""
    files = [file for file in RUN_FILES[1:] if (folder / file).exists()]
    record = {
        "answers_of": "demo",
        "simulated": True,
        "config": {"sky": {"latitude_cut_deg": 10.0}, "sources": [], **(config or {})},
        "software": {"xgamma": "0.1.0"},
        "products": {
            file: {"sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()}
            for file in files
        },
    }
    (folder / "provenance.json").write_text(json.dumps(record))


def two_runs(place: Path) -> tuple[str, str]:
    """A run, and one of the next list: a source has moved, one is gone, one is new.

    The Chandra sources are the same, with other names and a tenth of an arcsecond off.
    """
    chandra = (
        [100.01, 100.101, 100.301, 99.6],
        [0.0, 0.0, 0.005, 0.3],
        [-12.3, -13.4, -12.5, -12.9],
    )
    ra, dec, flux = (np.array(values) for values in chandra)
    first = write_run(
        place / "a",
        fermi_frame(
            ["4FGL J0640.0+0000", "4FGL J0641.2+0000", "4FGL J0638.4+0018"],
            [100.0, 100.3, 99.6],
            [0.0, 0.0, 0.3],
            classes=["bcu", "psr", "bcu"],
        ),
        csc_frame([f"A{i}" for i in range(4)], ra, dec, flux),
        coverage={"public_by": "2021-12-31"},
    )
    second = write_run(
        place / "b",
        fermi_frame(
            ["FL16Y J0640.4+0000", "FL16Y J0641.2+0000", "FL16Y J0642.4-0018"],
            [100.1, 100.3, 100.6],
            [0.0, 0.0, -0.3],
            classes=["bcu", "psr", ""],
            references=["4FGL J0640.0+0000", "4FGL J0641.2+0000", ""],
        ),
        csc_frame([f"B{i}" for i in range(4)], ra + 0.1 / 3600, dec, flux),
        coverage={"public_by": "2014-12-31"},
    )
    return first, second
