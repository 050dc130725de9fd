"""The demo sky so many times over, so that all numbers of rows and pairs grow in proportion.

Copy j is turned about the Galactic poles by j times 360 degrees over the number of copies, which
leaves all latitudes. More sources on the same sky are nearer to each other: with circles as they
were, each of k times as many Fermi sources would have k times as many Chandra sources in its
circle, and the result itself, not the work on it, would grow with the square of k. So all that is
near a Fermi source is drawn towards it by the square root of k, its error ellipse shrinks by as
much, and `shrunk` gives the radii of the config that belong to it. Then a copy has the pairs and
the stars that the sky has, but for what another copy adds by chance.
"""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from xgamma.demo.sky.geometry import from_tangent_plane, ra_dec, to_tangent_plane
from xgamma.demo.storage import arrow_table
from xgamma.demo.tables import DEMO_TABLES
from xgamma.demo.tap_schema import write_tap_schema
from xgamma.sky import galactic, match_within, unit_vectors
from xgamma.tables.whole_files import atomic_path

__all__ = ["FLOOR", "build", "shrunk"]

# The factor of the smallest sky: so little that what its jobs take is their start
FLOOR = 1 / 64
# its part of the sky begins here, in degrees of Galactic longitude: with all that a run needs
_FLOOR_FROM_DEG = 75.0
# near a Fermi source is what lies within so many of its R95, and its stars in any case
_NEAR_R95, _LEAST_NEAR_DEG = 3.0, 0.1
_LONGITUDES = {"gaiadr3.gaia_source": "l", "fp_psc": "glon"}
_NAMES = ("name", "designation", "obsid")

Rows = dict[str, np.ndarray]


def shrunk(value: float, factor: float) -> float:
    """A radius of the config, for the sky of that factor."""
    return value / math.sqrt(max(factor, 1))


def build(base: Path, path: Path, factor: float) -> None:
    """Write the sky of `factor` times the rows of `base`, as a file of the demo archive.

    Parameters
    ----------
    base : Path
        A file that `xgamma.demo build` has written.
    path : Path
    factor : float
        A whole number, or `FLOOR`: a strip of that share of all longitudes, as it is.
    """
    with duckdb.connect(str(base), read_only=True) as archive:
        sky = {t.name: _rows(archive, f"SELECT * FROM {t.physical}") for t in DEMO_TABLES}
    fermi = sky["fermilpsc"]
    anchors = {name: _anchors(fermi, rows) for name, rows in sky.items() if name != "chanmaster"}
    with atomic_path(path) as beside:
        for old in (beside, beside.with_name(beside.name + ".wal")):
            old.unlink(missing_ok=True)
        with duckdb.connect(str(beside)) as archive:
            for table in DEMO_TABLES:
                rows, anchor = sky[table.name], anchors.get(table.name)
                if factor < 1:
                    parts = [_strip(table.name, rows, factor)]
                else:
                    number = range(int(factor))
                    parts = (_copy(table.name, rows, fermi, anchor, j, factor) for j in number)
                archive.execute(f"CREATE SCHEMA IF NOT EXISTS {table.physical.split('.')[0]}")
                columns = ", ".join(f'"{c.name}" {c.duckdb_type}' for c in table.columns)
                archive.execute(f"CREATE TABLE {table.physical} ({columns})")
                for part in parts:
                    archive.register("part", arrow_table(table, part))
                    archive.execute(f"INSERT INTO {table.physical} SELECT * FROM part")
                    archive.unregister("part")
            write_tap_schema(archive)


def _rows(archive: duckdb.DuckDBPyConnection, query: str) -> Rows:
    """Columns by name, as numpy has them: text as objects, null integers as None."""
    table: pa.Table = archive.sql(query).to_arrow_table()
    rows = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        whole = pa.types.is_integer(column.type) and column.null_count
        rows[name] = (
            np.array(column.to_pylist(), dtype=object)
            if whole
            else column.to_numpy(zero_copy_only=False)
        )
    return rows


def _anchors(fermi: Rows, rows: Rows) -> np.ndarray:
    """The Fermi source to which a row belongs, as its row number; -1 for none."""
    radius = np.nan_to_num(fermi["semi_major_axis_95"].astype(float), nan=-1.0)
    reach = np.where(radius > 0, np.maximum(_NEAR_R95 * radius, _LEAST_NEAR_DEG), -1.0)
    usable = np.flatnonzero(reach > 0)
    centre, point, apart = match_within(
        fermi["ra"][usable], fermi["dec"][usable], reach[usable], rows["ra"], rows["dec"]
    )
    centre = usable[centre]
    order = np.lexsort((centre, apart / radius[centre], point))
    point, first = np.unique(point[order], return_index=True)
    anchor = np.full(len(rows["ra"]), -1)
    anchor[point] = centre[order][first]
    return anchor


def _strip(table: str, rows: Rows, share: float) -> Rows:
    column = _LONGITUDES.get(table, "lii")
    # AllWISE has none
    longitude = rows[column] if column in rows else galactic(rows["ra"], rows["dec"])[0]
    longitude = longitude.astype(float)
    kept = (longitude - _FLOOR_FROM_DEG) % 360.0 < 360.0 * share
    return {name: values[kept] for name, values in rows.items()}


def _copy(
    table: str, rows: Rows, fermi: Rows, anchor: np.ndarray | None, number: int, factor: float
) -> Rows:
    from astropy.coordinates import SkyCoord

    made, ra, dec = dict(rows), rows["ra"].copy(), rows["dec"].copy()
    if factor == 1:
        return made
    if anchor is not None and table != "fermilpsc":
        mine = np.flatnonzero(anchor >= 0)
        centre = fermi["ra"][anchor[mine]], fermi["dec"][anchor[mine]]
        x, y = to_tangent_plane(*centre, ra[mine], dec[mine])
        ra[mine], dec[mine] = from_tangent_plane(*centre, shrunk(x, factor), shrunk(y, factor))
    turn = 360.0 * number / factor
    made["ra"], made["dec"] = _turned(ra, dec, turn)
    if table == "fermilpsc":
        x, y = to_tangent_plane(ra, dec, rows["counterpart_ra"], rows["counterpart_dec"])
        known = from_tangent_plane(ra, dec, shrunk(x, factor), shrunk(y, factor))
        made["counterpart_ra"], made["counterpart_dec"] = _turned(*known, turn)
    if table in _LONGITUDES:
        name = _LONGITUDES[table]
        made[name] = (rows[name] + turn) % 360.0
    elif "lii" in made:
        # HEASARC reads the positions as FK5
        there = SkyCoord(made["ra"], made["dec"], unit="deg", frame="fk5").galactic
        made["lii"], made["bii"] = there.l.deg, there.b.deg
    for name in ("semi_major_axis_95", "semi_minor_axis_95"):
        if name in made:
            made[name] = shrunk(rows[name], factor)
    if "source_id" in made:
        # the identifiers are so far apart that the next ones are free
        made["source_id"] = rows["source_id"] + number
    for name in _NAMES:
        if name in made and number:
            # before the last word: how a Fermi source's name ends has a meaning
            made[name] = np.array([_numbered(text, number) for text in rows[name]], dtype=object)
    return made


def _numbered(name: str, number: int) -> str:
    head, blank, tail = name.rpartition(" ")
    # a name that is a number all through must not become another one's
    return f"{head} {number:02d}{tail}" if blank else f"{number:02d}-{tail}"


def _turned(ra: np.ndarray, dec: np.ndarray, by_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions turned about the Galactic poles, in the direction of longitude."""
    # rows: where the axes of ICRS lie in the Galactic frame
    to_galactic = unit_vectors(*galactic([0.0, 90.0, 0.0], [0.0, 0.0, 90.0])).T
    cosine, sine = math.cos(math.radians(by_deg)), math.sin(math.radians(by_deg))
    about_pole = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return ra_dec(unit_vectors(ra, dec) @ (to_galactic.T @ about_pole @ to_galactic).T)
