"""Files of a run for TOPCAT, DS9 and Aladin: VOTable, FITS, regions, and scripts that open them.

Knows how each of these programs wants its files; what a table holds, its `Column`s and
`TableMetadata` say. Start at `votables.py`.
"""
