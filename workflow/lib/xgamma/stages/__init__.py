"""What each rule makes, one module per rule and named as it: tables in, tables out.

Knows nothing of files and Snakemake. Start at `crossmatch.py`. Three modules are no rule's: `pairs`
and `counterparts` say what the tables hold that most rules work on; `class_subsample` is part of
plot_subsample. Rules without a module here: `describe_service`, `fetch_catalog` and
`discover_services` (archive), `filter_plane` (one call of sky.py), plot_* (figures), `provenance`,
`bundle`, `replay` and `drift` (provenance), `build_demo_sky` (demo).
"""
