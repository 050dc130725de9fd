#!/usr/bin/python3
"""Write one FITS or CSV table to stdout as PostgreSQL COPY text.

usage: load.py TABLE_FILE column [column...]   (columns in table order)

NaN, masked and, in CSV, empty values become NULL. A column that the file lacks is NULL
in every row, and said so on stderr.
"""

import csv
import gzip
import sys

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = "\\N"
# other names of the same quantity: FITS file of 4FGL-DR4 -> HEASARC's table
ALIASES = {"analysis_flags": "flags"}


def find_columns(path, wanted, there):
    """The file's name of each wanted column, None for those that it lacks."""
    known = {name.strip().lower(): name for name in there}
    found = [known.get(w.lower(), known.get(ALIASES.get(w.lower()))) for w in wanted]
    missing = [w for w, f in zip(wanted, found, strict=True) if f is None]
    if missing:
        print(f"note: {path} has no {', '.join(missing)}: null", file=sys.stderr)
    return found


def fits_column(hdu, name):
    """One column as COPY text."""
    import numpy as np

    column = hdu.columns[name]
    values = np.asarray(hdu.data[name])
    if values.ndim != 1:
        sys.exit(f"load.py: column {name} is not scalar")
    if values.dtype.kind == "f":
        # float32 -> float64 -> text -> real gives the same float32
        text = list(map(repr, values.astype("f8").tolist()))
        null = np.flatnonzero(~np.isfinite(values))
    elif values.dtype.kind in "iub":
        text = list(map(str, values.tolist()))
        null = np.flatnonzero(values == column.null) if column.null is not None else ()
    else:
        text = [s.rstrip().translate(ESCAPES) for s in values.tolist()]
        null = ()
    for i in null:
        text[i] = NULL
    return text


def fits_rows(path, wanted):
    """Rows of the first table in a FITS file."""
    from astropy.io import fits

    with fits.open(path, memmap=True) as hdus:
        hdu = next(h for h in hdus if getattr(h, "columns", None) is not None)
        found = find_columns(path, wanted, hdu.columns.names)
        nulls = [NULL] * len(hdu.data)
        columns = [fits_column(hdu, name) if name else nulls for name in found]
        yield from zip(*columns, strict=True)


def csv_rows(path, wanted):
    """Rows of a CSV file with a header."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", newline="", encoding="utf-8") as stream:
        reader = csv.reader(stream)
        header = next(reader)
        places = [f if f is None else header.index(f) for f in find_columns(path, wanted, header)]
        for row in reader:
            yield [
                NULL if i is None or row[i] in ("", "NaN", "nan") else row[i].translate(ESCAPES)
                for i in places
            ]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    path, wanted = sys.argv[1], sys.argv[2:]
    is_fits = path.endswith((".fits", ".fit", ".fits.gz", ".fit.gz"))
    for row in (fits_rows if is_fits else csv_rows)(path, wanted):
        sys.stdout.write("\t".join(row) + "\n")


if __name__ == "__main__":
    main()
