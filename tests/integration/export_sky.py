"""Write the tables of a demo sky as CSV, for another TAP server to load.

usage: export_sky.py SKY.duckdb FOLDER

Numbers are written with the fewest digits that give the same double, or the same float32
for columns of that type, back. Null is nothing between the commas. The files are named
after the tables, without their schema.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pyarrow.csv

from xgamma.demo.tables import DEMO_TABLES

__all__ = ["export_sky"]


def export_sky(sky: Path, folder: Path) -> None:
    """Write each table of `DEMO_TABLES` in `sky` to `folder`/<table>.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(sky), read_only=True) as connection:
        for table in DEMO_TABLES:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            rows = connection.sql(f"SELECT {columns} FROM {table.physical}").to_arrow_table()
            pyarrow.csv.write_csv(rows, folder / f"{table.name.rpartition('.')[2]}.csv")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    export_sky(Path(sys.argv[1]), Path(sys.argv[2]))
