"""A small archive for the tests of the TAP service, and the same tables as frames.

Positions are chosen to be awkward: close to the poles, on both sides of right
ascension 0, far apart, and in clusters around the circles that are asked for.
"""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from astropy.coordinates import angular_separation

from xgamma.demo.server.execution import Archive

COLUMNS = {
    "csc": [
        ("name", "char", ""),
        ("ra", "double", "deg"),
        ("dec", "double", "deg"),
        ("lii", "double", "deg"),
        ("bii", "double", "deg"),
        ("b_flux_ap", "double", "mW.m**-2"),
        ("significance", "double", ""),
    ],
    "fermilpsc": [
        ("name", "char", ""),
        ("ra", "double", "deg"),
        ("dec", "double", "deg"),
        ("bii", "double", "deg"),
        ("semi_major_axis_95", "double", "deg"),
        ("source_type", "char", ""),
        ("analysis_flags", "int", ""),
    ],
    "chanmaster": [
        ("obsid", "char", ""),
        ("name", "char", ""),
        ("exposure", "double", "s"),
        ("status", "char", ""),
        ("time", "double", "d"),
    ],
    "gaiadr3.gaia_source": [
        ("source_id", "long", ""),
        ("ra", "double", "deg"),
        ("dec", "double", "deg"),
        ("phot_g_mean_mag", "float", "mag"),
        ("phot_variable_flag", "char", ""),
    ],
    "fp_psc": [
        ("designation", "char", ""),
        ("ra", "double", "deg"),
        ("dec", "double", "deg"),
        ("j_m", "float", "mag"),
    ],
    "TAP_SCHEMA.schemas": [
        ("schema_name", "char", ""),
        ("utype", "char", ""),
        ("description", "char", ""),
        ("schema_index", "int", ""),
    ],
    "TAP_SCHEMA.tables": [
        ("schema_name", "char", ""),
        ("table_name", "char", ""),
        ("table_type", "char", ""),
        ("utype", "char", ""),
        ("description", "char", ""),
        ("table_index", "int", ""),
    ],
    "TAP_SCHEMA.columns": [
        ("table_name", "char", ""),
        ("column_name", "char", ""),
        ("description", "char", ""),
        ("unit", "char", ""),
        ("ucd", "char", ""),
        ("utype", "char", ""),
        ("datatype", "char", ""),
        ("arraysize", "char", ""),
        ("xtype", "char", ""),
        ("size", "int", ""),
        ("principal", "int", ""),
        ("indexed", "int", ""),
        ("std", "int", ""),
        ("column_index", "int", ""),
    ],
    "TAP_SCHEMA.keys": [
        ("key_id", "char", ""),
        ("from_table", "char", ""),
        ("target_table", "char", ""),
        ("utype", "char", ""),
        ("description", "char", ""),
    ],
    "TAP_SCHEMA.key_columns": [
        ("key_id", "char", ""),
        ("from_column", "char", ""),
        ("target_column", "char", ""),
    ],
}

SCHEMAS = {
    "csc": "heasarc",
    "fermilpsc": "heasarc",
    "chanmaster": "heasarc",
    "gaiadr3.gaia_source": "gaiadr3",
    "fp_psc": "irsa",
}

UCDS = {"ra": "pos.eq.ra", "dec": "pos.eq.dec"}

_SQL_TYPES = {
    "char": "VARCHAR",
    "double": "DOUBLE",
    "float": "REAL",
    "int": "INTEGER",
    "long": "BIGINT",
}


def _isotropic(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def _with_nulls(values: np.ndarray, every: int) -> np.ndarray:
    values = values.copy()
    values[::every] = np.nan
    return values


def make_frames(seed: int = 1) -> dict[str, pd.DataFrame]:
    """The archive's tables; NaN and '' stand for null."""
    rng = np.random.default_rng(seed)
    n_circles = 240
    ra, dec = _isotropic(rng, n_circles)
    ra[:20] = rng.uniform(-1, 1, 20) % 360
    dec[20:40] = rng.uniform(88, 90, 20)
    dec[40:60] = -rng.uniform(88, 90, 20)
    radius = 10 ** rng.uniform(-2, 0.3, n_circles)
    radius[60:64] = (40.0, 89.9, 120.0, 180.0)
    fermilpsc = pd.DataFrame(
        {
            "name": [f"4FGL J{i:04d}" for i in range(n_circles)],
            "ra": ra,
            "dec": dec,
            "bii": rng.uniform(-90, 90, n_circles),
            "semi_major_axis_95": _with_nulls(radius, 17),
            "source_type": rng.choice(["psr  ", "bll  ", "     ", "PSR  ", "fsrq "], n_circles),
            "analysis_flags": rng.integers(0, 9, n_circles),
        }
    )
    fermilpsc.loc[0, ["bii"]] = 10.0

    n_sources = 4000
    ra, dec = _isotropic(rng, n_sources)
    near = rng.integers(0, n_circles, 2500)
    offset = np.nan_to_num(radius[near], nan=1.0)
    angle = rng.uniform(0, 2 * np.pi, 2500)
    distance = offset * rng.uniform(0, 1.5, 2500)
    dec[:2500] = np.clip(fermilpsc["dec"].to_numpy()[near] + distance * np.sin(angle), -90, 90)
    stretch = np.maximum(np.cos(np.radians(dec[:2500])), 1e-3)
    ra[:2500] = (fermilpsc["ra"].to_numpy()[near] + distance * np.cos(angle) / stretch) % 360
    csc = pd.DataFrame(
        {
            "name": [f"SIM J{i:06d}" for i in range(n_sources)],
            "ra": ra,
            "dec": dec,
            "lii": rng.uniform(0, 360, n_sources),
            "bii": rng.uniform(-90, 90, n_sources),
            "b_flux_ap": _with_nulls(10 ** rng.normal(-14.4, 0.7, n_sources), 7),
            "significance": rng.uniform(0, 9, n_sources),
        }
    )
    csc.loc[::11, "b_flux_ap"] = 0.0

    chanmaster = pd.DataFrame(
        {
            "obsid": [str(i) for i in range(60)],
            "name": ["SIM O'Brien" if i == 3 else f"SIM <{i}> & co" for i in range(60)],
            "exposure": np.where(np.arange(60) % 6 == 0, 0.0, rng.uniform(1e3, 1e5, 60)),
            "status": rng.choice(["archived", "scheduled", ""], 60),
            "time": rng.uniform(51000, 60000, 60),
        }
    )
    ra, dec = _isotropic(rng, 1500)
    gaia = pd.DataFrame(
        {
            "source_id": 4_104_196_427_943_626_625 + 2 * np.arange(1500),
            "ra": ra,
            "dec": dec,
            "phot_g_mean_mag": _with_nulls(rng.uniform(8, 21, 1500), 13).astype(np.float32),
            "phot_variable_flag": rng.choice(["VARIABLE", "NOT_AVAILABLE"], 1500),
        }
    )
    ra, dec = _isotropic(rng, 300)
    fp_psc = pd.DataFrame(
        {
            "designation": [f"SIM {i:05d}" for i in range(300)],
            "ra": ra,
            "dec": dec,
            "j_m": _with_nulls(rng.uniform(5, 17, 300), 9).astype(np.float32),
        }
    )
    return {
        "csc": csc,
        "fermilpsc": fermilpsc,
        "chanmaster": chanmaster,
        "gaiadr3.gaia_source": gaia,
        "fp_psc": fp_psc,
    }


def write_archive(path: Path, frames: dict[str, pd.DataFrame]) -> None:
    """Write the tables and their TAP_SCHEMA as a DuckDB file."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA gaiadr3")
        connection.execute("CREATE SCHEMA tap_schema")
        for table, columns in COLUMNS.items():
            definition = ", ".join(f'"{name}" {_SQL_TYPES[kind]}' for name, kind, _ in columns)
            connection.execute(f"CREATE TABLE {table} ({definition})")
        for table, frame in frames.items():
            connection.register("frame", frame)
            selected = ", ".join(
                f"nullif({name}, {chr(39) * 2})"
                if kind == "char"
                else f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END"
                if kind in ("double", "float")
                else name
                for name, kind, _ in COLUMNS[table]
            )
            connection.execute(f"INSERT INTO {table} SELECT {selected} FROM frame")
            connection.unregister("frame")
        _write_tap_schema(connection)


def _write_tap_schema(connection: duckdb.DuckDBPyConnection) -> None:
    schemas = ["heasarc", "gaiadr3", "irsa", "TAP_SCHEMA"]
    connection.executemany(
        "INSERT INTO tap_schema.schemas VALUES (?, NULL, 'Tables for tests', ?)",
        [(name, i) for i, name in enumerate(schemas)],
    )
    connection.executemany(
        "INSERT INTO tap_schema.tables VALUES (?, ?, 'table', NULL, 'A table', ?)",
        [(SCHEMAS.get(name, "TAP_SCHEMA"), name, i) for i, name in enumerate(COLUMNS)],
    )
    connection.executemany(
        "INSERT INTO tap_schema.columns VALUES"
        " (?, ?, ?, ?, ?, NULL, ?, ?, NULL, NULL, 1, 0, ?, ?)",
        [
            (
                table, name, f"What {name} is", unit or None, UCDS.get(name), kind,
                "*" if kind == "char" else None, int(table not in SCHEMAS), i,
            )
            for table, columns in COLUMNS.items()
            for i, (name, kind, unit) in enumerate(columns)
        ],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO tap_schema.keys VALUES"
        " ('k1', 'TAP_SCHEMA.columns', 'TAP_SCHEMA.tables', NULL, NULL),"
        " ('k2', 'csc', 'fermilpsc', NULL, NULL)"
    )
    connection.execute(
        "INSERT INTO tap_schema.key_columns VALUES"
        " ('k1', 'table_name', 'table_name'), ('k2', 'name', 'name')"
    )


def ask(archive: Archive, adql: str, service: str = "/tap", **options):
    """Names of the output columns, and the rows."""
    options = {"uploads": {}, "default_limit": 10**9, **options}
    with archive.answer(adql, service, **options) as result:
        rows = [
            row
            for batch in result.batches()
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
        return [field.name for field in result.fields], rows


def separation(ra1, dec1, ra2, dec2):
    """Great-circle separation (deg) by Vincenty's formula, as astropy has it."""
    return np.degrees(angular_separation(*map(np.radians, (ra1, dec1, ra2, dec2))))


def rows_of(frame: pd.DataFrame) -> list[tuple]:
    return [
        tuple(None if isinstance(value, float) and math.isnan(value) else value for value in row)
        for row in frame.itertuples(index=False, name=None)
    ]


def comparable(rows):
    """Rows in a fixed order; floats to 12 digits, null for both kinds of nothing."""
    tidy = [
        tuple(
            None if value == "" else float(f"{value:.12g}") if isinstance(value, float) else value
            for value in row
        )
        for row in rows
    ]
    return sorted(
        tidy,
        key=lambda row: [
            (value is None, isinstance(value, str), 0 if value is None else value) for value in row
        ],
    )
