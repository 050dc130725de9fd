"""What a table that never was says of itself."""

from __future__ import annotations

from xgamma.tables.metadata import TableMetadata

THINGS = TableMetadata(
    name="things",
    description="One row per thing.",
    archive="live",
    simulated=False,
    catalogues=("A Catalogue: a at heasarc, release 2.1", "B: b at gaia"),
    answered="2026-11-20/2026-11-26",
    software="xgamma 0.1.0",
    cite=("xgamma", 'A Catalogue: A. Author 2020, "Title"'),
)
