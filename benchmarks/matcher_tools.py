"""The tools of matcher.py, each a whole process: read two tables, match, write the pairs.

Nothing is imported but by the tool that needs it. `folder` has centres.* (ra, dec, radius in
degrees; in FITS arcsec, too), `points` is the other table's path without its suffix.
"""

# Both ways: a circle's candidates by an equality, then the same separation as ours.
_FROM_FILES = """
f AS (SELECT file_row_number AS i, ra, dec, radius AS r,
    if(abs(dec) + r > 89.99, 180,
       degrees(asin(least(1, sin(radians(r)) / cos(radians(dec))))) + 1e-6) AS half
    FROM read_parquet('{folder}/centres.parquet', file_row_number=true)),
p AS (SELECT file_row_number AS j, ra, dec
    FROM read_parquet('{points}.parquet', file_row_number=true))"""
_PAIRS = """
COPY (WITH {tables}, pairs AS (
    SELECT i, j, r, radians(c.ra) AS l1, radians(c.dec) AS b1, radians(q.ra) AS l2,
        radians(q.dec) AS b2
    FROM {points} q JOIN {centres} c USING (cell) WHERE abs(q.dec - c.dec) <= r + 1e-9 {more})
SELECT i, j FROM pairs WHERE degrees(atan2(sqrt((cos(b2) * sin(l2 - l1)) ** 2
        + (cos(b1) * sin(b2) - sin(b1) * cos(b2) * cos(l2 - l1)) ** 2),
    sin(b1) * sin(b2) + cos(b1) * cos(b2) * cos(l2 - l1))) <= r
) TO '{pairs}' (FORMAT parquet)"""
# strips of 0.1 deg in declination (0.02 to 0.5 deg took as long), then the half-angle formula
_ZONES = """,
c AS (SELECT *, unnest(range(floor((dec - r - 1e-9) * 10)::INT,
    floor((dec + r + 1e-9) * 10)::INT + 1)) AS cell FROM f),
q AS (SELECT *, floor(dec * 10)::INT AS cell FROM p)"""
_NEAR = """AND sin(radians(q.ra - c.ra) / 2) ** 2 * cos(radians(q.dec)) * cos(radians(c.dec))
    <= sin(radians(r) / 2) ** 2 * (1 + 1e-9)"""
# what xgamma does: circles listed under cells, here 0.25 deg in both coordinates
_CELLS = """,
z AS (SELECT *, unnest(range(floor((dec - r - 1e-9) * 4)::INT,
    floor((dec + r + 1e-9) * 4)::INT + 1))::INT AS row FROM f),
c AS (SELECT *, row * 1440 + (unnest(range(floor((ra - half) * 4)::INT, least(
    floor((ra + half) * 4)::INT, floor((ra - half) * 4)::INT + 1439) + 1)) + 1440)::INT % 1440
    AS cell FROM z),
q AS (SELECT *, floor(dec * 4)::INT * 1440 + floor(ra * 4)::INT AS cell FROM p)"""


def import_numpy(folder: str, points: str, pairs: str) -> None:
    """What a process with NumPy takes that does nothing."""
    import numpy  # noqa: F401


def xgamma(folder: str, points: str, pairs: str) -> None:
    """Ours, from NumPy's own files, the large one mapped into memory."""
    import numpy as np

    from xgamma.sky import match_within

    centres = np.load(f"{folder}/centres.npy")
    table = np.load(f"{points}.npy", mmap_mode="r")
    np.save(pairs, match_within(*centres, *table)[:2])


def xgamma_parquet(folder: str, points: str, pairs: str) -> None:
    """Ours, from Parquet files; past pyarrow's own conversions, which import pandas."""
    import numpy as np
    from pyarrow.parquet import ParquetFile

    from xgamma.sky import match_within

    def columns(path: str) -> list[np.ndarray]:
        table = ParquetFile(path, memory_map=True).read().columns
        return [np.concatenate([np.from_dlpack(part) for part in c.chunks]) for c in table]

    centres, table = columns(f"{folder}/centres.parquet"), columns(f"{points}.parquet")
    np.save(pairs, match_within(*centres, *table)[:2])


def _duckdb(folder: str, points: str, pairs: str, join: str, more: str) -> None:
    import duckdb

    tables = _FROM_FILES.format(folder=folder, points=points) + join
    query = _PAIRS.format(tables=tables, points="q", centres="c", more=more, pairs=pairs)
    duckdb.connect().execute(query)


def duckdb_zones(folder: str, points: str, pairs: str) -> None:
    """DuckDB, joined by zones of declination: the usual way in SQL."""
    _duckdb(folder, points, pairs, _ZONES, _NEAR)


def duckdb_cells(folder: str, points: str, pairs: str) -> None:
    """DuckDB with our own method, written in SQL."""
    _duckdb(folder, points, pairs, _CELLS, "")


def _astropy(folder: str, points: str, pairs: str, shares: tuple[float, ...]) -> None:
    """By classes of radius, with the largest radius of each; then cut."""
    import itertools

    import astropy.units as u
    import numpy as np
    from astropy.coordinates import SkyCoord, search_around_sky

    ra, dec, radius = np.load(f"{folder}/centres.npy")
    table = np.load(f"{points}.npy", mmap_mode="r")
    centres, others = SkyCoord(ra, dec, unit="deg"), SkyCoord(*table, unit="deg")
    edges = [0, *np.quantile(radius, shares), np.inf]
    found = []
    for low, high in itertools.pairwise(edges):
        mine = np.flatnonzero((radius > low) & (radius <= high))
        i, j, apart, _ = search_around_sky(centres[mine], others, radius[mine].max() * u.deg)
        inside = apart.deg <= radius[mine][i]
        found.append([mine[i[inside]], j[inside]])
    np.save(pairs, np.concatenate(found, axis=1))


def astropy_once(folder: str, points: str, pairs: str) -> None:
    """astropy's search_around_sky with the largest radius, then cut."""
    _astropy(folder, points, pairs, ())


def astropy_classes(folder: str, points: str, pairs: str) -> None:
    """The same in seven classes of radius."""
    _astropy(folder, points, pairs, (0.25, 0.5, 0.75, 0.9, 0.97, 0.99))


def _stilts(folder: str, points: str, pairs: str, *words: str) -> None:
    """Instead of this process, so that Python's start is not counted twice."""
    import os

    tables = (f"in1={folder}/centres.fits", f"in2={points}.fits", "ifmt1=fits", "ifmt2=fits")
    ends = ('ocmd=keepcols "id_1 id_2"', f"out={pairs}", "ofmt=fits", "progress=none")
    os.execvp("stilts", ("stilts", "tmatch2", *tables, "find=all", *words, *ends))


def stilts_skyerr(folder: str, points: str, pairs: str) -> None:
    """STILTS with a radius for each row; the scale is near the median radius."""
    values = ("values1=ra dec radius_arcsec", "values2=ra dec 0")
    _stilts(folder, points, pairs, "matcher=skyerr", *values, "params=300")


def stilts_sky(folder: str, points: str, pairs: str) -> None:
    """STILTS with the largest radius (0.8645 deg), then cut."""
    values = ("values1=ra dec", "values2=ra dec", "params=3113")
    cut = "ocmd=select Separation<=radius_arcsec"
    _stilts(folder, points, pairs, "matcher=sky", *values, "tuning=6", cut)
