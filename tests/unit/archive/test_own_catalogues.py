"""Catalogues in files: the same rows from each format, and what is said of damaged ones."""

from __future__ import annotations

import gzip
import hashlib
import io
import warnings

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table

from xgamma.archive.around import inside_circles
from xgamma.archive.catalogues import CATALOGUES
from xgamma.archive.own_catalogues import (
    fetch_file,
    look_at_files,
    read_catalogue,
)
from xgamma.config.settings import load_config
from xgamma.errors import XgammaError

FERMI, CSC = CATALOGUES["fermilpsc"], CATALOGUES["csc"]
# Of FL16Y itself, as its FITS file has them: 32-bit numbers, names of the LAT's
NAMES = ["FL16Y J1826.2-1451B", "FL16Y J0534.5+2201i", "FL16Y J0002.2+6719"]
RA, DEC = [276.5691, 83.6331, 0.5668], [-14.8558, 22.0199, 67.3227]
GLON, GLAT = [16.8779, 184.5545, 118.20624], [-1.2981, -5.7815, 4.9032006]


def lat_table(**changes):
    """Three sources under the names and units of the LAT's file; a change of None drops one."""
    nan = np.nan
    columns = {
        "Source_Name": (NAMES, ""),
        "RAJ2000": (np.array(RA, "f4"), "deg"),
        "DEJ2000": (np.array(DEC, "f4"), "deg"),
        "GLON": (np.array(GLON, "f4"), "deg"),
        "GLAT": (np.array(GLAT, "f4"), "deg"),
        "Conf_95_SemiMajor": (np.array([0.0142, nan, 0.1346], "f4"), "deg"),
        "Conf_95_SemiMinor": (np.array([0.0133, nan, 0.1052], "f4"), "deg"),
        "Conf_95_PosAng": (np.array([12.5, nan, 81.77], "f4"), "deg"),
        "Energy_Flux100": (np.array([2.5e-10, 6.8e-10, 4.4652034e-12], "f4"), "erg/cm2/s"),
        "CLASS1": (["HMB  ", "PWN", ""], ""),
        "ASSOC1": (["LS 5039", "Crab Nebula", ""], ""),
        "ASSOC_FGL": (["4FGL J1826.2-1450", "4FGL J0534.5+2201i", ""], ""),
        "Flags": (np.array([260, 0, 41], "i4"), ""),
        "Variability_Index": (np.array([8.949026, -np.inf, 10.5], "f4"), ""),
        "Flux_Band": (np.ones((3, 8), "f4"), "photon/cm2/s"),
    }
    columns |= changes
    kept = {name: value for name, value in columns.items() if value is not None}
    table = Table({name: values for name, (values, _) in kept.items()})
    for name, (_, unit) in kept.items():
        table[name].unit = unit or None
    return table


def fits_bytes(table, name="LAT_Point_Source_Catalog"):
    stream = io.BytesIO()
    other = Table({"Source_Name": ["FL16Y J0222.4+6156e"], "Model_SemiMajor": [0.6]})
    hdus = [fits.table_to_hdu(one) for one in (other, table)]
    hdus[1].name = name
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(stream)
    return stream.getvalue()


def ecsv_bytes(table):
    stream = io.StringIO()
    table.write(stream, format="ascii.ecsv")
    return stream.getvalue().encode()


def votable_bytes(table):
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # the LAT's spelling of the unit is none of VOTable's
        warnings.simplefilter("ignore")
        from_table(table).to_xml(stream)
    return stream.getvalue()


def parquet_bytes(table):
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays, fields = [], []
    for name in table.colnames:
        values = table[name]
        array = pa.array(values.tolist() if values.dtype.kind == "U" else np.asarray(values))
        arrays.append(array.dictionary_encode() if name == "CLASS1" else array)
        unit = {b"unit": str(values.unit).encode()} if values.unit else None
        fields.append(pa.field(name, arrays[-1].type, metadata=unit))
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), stream)
    return stream.getvalue()


def read(content, catalogue=FERMI):
    stream = io.BytesIO(content)
    return read_catalogue(stream, catalogue, f"catalogs.{catalogue.table}: list.fit")


def refusal(content, catalogue=FERMI):
    with pytest.raises(XgammaError) as caught:
        read(content, catalogue)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"catalogs.{catalogue.table}: list.fit")
    return line.removeprefix(f"catalogs.{catalogue.table}: list.fit").lstrip(": ")


FLAT = lat_table(Flux_Band=None)


@pytest.mark.parametrize(
    "content",
    [
        fits_bytes(lat_table()),
        gzip.compress(fits_bytes(lat_table())),
        ecsv_bytes(FLAT),
        votable_bytes(FLAT),
        parquet_bytes(FLAT),
    ],
    ids=["fits", "fits.gz", "ecsv", "votable", "parquet"],
)
def test_each_format_gives_the_same_rows(content):
    """Numbers of 32 bits as they are published: 276.5691, where the float is 276.569092."""
    frame, facts = read(content)
    assert frame["name"].tolist() == sorted(NAMES)
    order = [2, 1, 0]
    assert frame["ra"].tolist() == [RA[i] for i in order]
    assert frame["bii"].tolist() == [GLAT[i] for i in order]
    assert frame["semi_major_axis_95"].tolist()[::2] == [0.1346, 0.0142]
    assert np.isnan(frame["semi_major_axis_95"][1])
    assert frame["energy_flux"].tolist() == [4.4652034e-12, 6.8e-10, 2.5e-10]
    assert frame["source_type"].tolist() == ["", "PWN", "HMB"]
    assert frame["assoc_fgl"][2] == "4FGL J1826.2-1450"
    assert frame["analysis_flags"].tolist() == [41, 0, 260]
    # infinite for the Crab, which has none there
    assert frame["variability_index"].tolist()[::2] == [10.5, 8.949026]
    assert np.isnan(frame["variability_index"][1])
    assert "pl_index" in facts["missing_columns"] and frame["pl_index"].isna().all()
    assert facts["units"]["energy_flux"] and facts["units"]["ra"] == "deg"


def chandra_table():
    """Under the names of the Chandra Source Catalog itself, without Galactic positions."""
    null = [False, True]
    return Table(
        {
            "name": ["2CXO J182615.0-145054", "2CXO J053431.9+220052"],
            "ra": [276.5627, 83.6331],
            "dec": [-14.8484, 22.0145],
            "err_ellipse_r0": [0.71, 0.71],
            "flux_aper_b": MaskedColumn([1.1e-11, 0.0], mask=null),
            "extent_flag": [False, True],
            "var_flag": MaskedColumn([True, False], mask=null),
        },
        units={"ra": "deg", "dec": "deg", "err_ellipse_r0": "arcsec"},
    )


@pytest.mark.parametrize("write", [ecsv_bytes, votable_bytes])
def test_a_chandra_catalogue_by_its_own_names(write):
    frame, facts = read(write(chandra_table()), CSC)
    assert frame["b_flux_ap"].tolist()[1] == 1.1e-11 and np.isnan(frame["b_flux_ap"][0])
    assert frame["extent_flag"].tolist() == ["T", "F"]
    assert frame["var_flag"].tolist() == ["", "T"]
    # LS 5039 and the Crab, from SIMBAD
    assert frame["lii"].tolist() == pytest.approx([184.56, 16.88], abs=0.01)
    assert frame["bii"].tolist() == pytest.approx([-5.78, -1.29], abs=0.01)
    assert {"significance", "conf_flag"} < set(facts["missing_columns"])
    inside = inside_circles(frame, pd.DataFrame({"ra": [83.6], "dec": [22.0], "radius_deg": [0.1]}))
    assert inside["name"].tolist() == ["2CXO J053431.9+220052"]


WHOLE = fits_bytes(lat_table())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name,ra,dec\nx,1,2\n", "it is none of FITS, ECSV, VOTable and Parquet"),
        (b"", "it is none of FITS, ECSV, VOTable and Parquet"),
        (WHOLE[: len(WHOLE) - 2880], "it ends too early: copy it again"),
        (gzip.compress(WHOLE)[:-40], "it ends too early: copy it again"),
        (parquet_bytes(FLAT)[:-9], "it cannot be read: "),
        (votable_bytes(FLAT)[:-400], "it cannot be read: "),
        (ecsv_bytes(FLAT)[:-12], "it cannot be read: "),
        (fits_bytes(lat_table()[:0]), "has no rows: is it the whole file?"),
        (
            fits_bytes(lat_table(RAJ2000=None)),
            "has no column ra or raj2000; it has Source_Name, DEJ2000,",
        ),
        (
            fits_bytes(lat_table(Conf_95_SemiMajor=([1.0, 2.0, 3.0], "arcmin"))),
            "column Conf_95_SemiMajor is in arcmin, and deg is needed: convert the column",
        ),
        (
            fits_bytes(lat_table(RAJ2000=([18.4, 5.6, 0.0], "arcsec"))),
            "column RAJ2000 is in arcsec, and deg is needed",
        ),
        (
            fits_bytes(lat_table(DEJ2000=([-14.8558, np.nan, 67.3], "deg"))),
            "column DEJ2000 is null in row 2 (FL16Y J0534.5+2201i), and a number from -90 to 90",
        ),
        (
            fits_bytes(lat_table(RAJ2000=([276.5691, 83.6, -0.5], "deg"))),
            "column RAJ2000 is -0.5 in row 3 (FL16Y J0002.2+6719), and a number from 0 to 360",
        ),
        (
            fits_bytes(lat_table(Source_Name=([NAMES[0], NAMES[1], NAMES[0]], ""))),
            "column Source_Name has FL16Y J1826.2-1451B in row 1 and in row 3: leave one of them",
        ),
        (
            fits_bytes(lat_table(Source_Name=([NAMES[0], "  ", ""], ""))),
            "column Source_Name is blank in row 2, and 1 more rows: give each source a name",
        ),
        (
            fits_bytes(lat_table(Energy_Flux100=(["1e-12", "", "?"], ""))),
            "column Energy_Flux100 holds text, in row 1 '1e-12', and numbers are needed",
        ),
        (
            fits_bytes(lat_table(CLASS1=([1, 2, 3], ""))),
            "column CLASS1 holds numbers, and text is needed",
        ),
        (
            fits_bytes(lat_table(Conf_95_SemiMajor=([0.01, np.inf, -0.1], "deg"))),
            "column Conf_95_SemiMajor is inf in row 2 (FL16Y J0534.5+2201i), and 1 more rows",
        ),
        (
            fits_bytes(lat_table(Flags=([1.0, 2.5, 0.0], ""))),
            "column Flags has 2.5 in row 2, and whole numbers are needed",
        ),
        (
            fits_bytes(lat_table(GLON=(GLAT, "deg"), GLAT=(GLON[:1] + GLAT[1:], "deg"))),
            "column GLON is -1.2981 in row 1",
        ),
        (
            fits_bytes(lat_table(RAJ2000=([276.5691, 83.6331, 10.5668], "deg"))),
            "row 3 (FL16Y J0002.2+6719) is at two places, 3.85 degrees apart by RAJ2000, DEJ2000",
        ),
        (
            fits_bytes(lat_table(Energy_Flux100=(np.ones((3, 2)), "erg/cm2/s"))),
            "column Energy_Flux100 holds arrays",
        ),
    ],
)  # fmt: skip
def test_damaged_files_and_what_is_said(content, said):
    assert refusal(content).startswith(said)


def test_a_file_for_the_wrong_key():
    """The Chandra catalogue in the place of the Fermi list."""
    line = refusal(ecsv_bytes(chandra_table()))
    assert line.startswith("has no column semi_major_axis_95 or conf_95_semimajor; energy_flux or")


def settings_for(tmp_path, content, **changes):
    path = tmp_path / "list.fit"
    path.write_bytes(content)
    own = {"fermilpsc": {"file": str(path), "release": "FL16Y"}}
    return load_config({"catalogs": own, **changes})


def test_the_file_is_kept_and_a_replay_reads_what_was_kept(tmp_path):
    """Without the file; with its digest on record, and no time: a file has none."""
    results = tmp_path / "results/demo"
    frame, (record,) = fetch_file(settings_for(tmp_path, WHOLE), FERMI, results)
    assert record["body"] == hashlib.sha256(WHOLE).hexdigest()
    assert (record["url"], record["rows"], record["started"]) == ("file list.fit", 3, "")
    replay = settings_for(tmp_path, b"", archive="replay")
    again, (replayed,) = fetch_file(replay, FERMI, tmp_path / "results/replay")
    assert again.equals(frame) and replayed == record
    body = next(results.glob("answers/bodies/*/*.gz"))
    body.write_bytes(body.read_bytes()[:100])
    with pytest.raises(XgammaError, match="is damaged; fetch it anew"):
        fetch_file(replay, FERMI, tmp_path / "results/replay")


def test_a_damaged_file_is_not_kept(tmp_path):
    with pytest.raises(XgammaError, match=r"^catalogs\.fermilpsc: list\.fit: it is none of FITS"):
        fetch_file(settings_for(tmp_path, b"no table"), FERMI, tmp_path / "results/demo")
    assert not (tmp_path / "results").exists()


def test_preflight_looks_at_the_file(tmp_path):
    (good,) = look_at_files(settings_for(tmp_path, WHOLE))
    path = tmp_path / "list.fit"
    assert good[:2] == ("note", "catalogs.fermilpsc")
    assert good[2].startswith(f"3 rows in {path}, release FL16Y; lacks the optional energy_flux_er")
    (bad,) = look_at_files(settings_for(tmp_path, WHOLE[:-2880]))
    assert bad == ("STOP", "catalogs.fermilpsc", f"{path}: it ends too early: copy it again")
