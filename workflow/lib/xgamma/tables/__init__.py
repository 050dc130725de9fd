"""Tables on disk and in memory: columns with kinds and units, files that are whole or not there.

Knows nothing of what a table is about. Start at `columns.py`, then `files.py`.
"""
