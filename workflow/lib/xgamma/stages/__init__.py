"""What each rule makes, one module per rule and named as it: tables in, tables out.

Knows nothing of files and Snakemake. Start at `crossmatch.py`.
"""
