"""What each rule makes, one module per rule and named as it: tables in, tables out.

Knows nothing of Snakemake. Start at `crossmatch.py`. Six modules are no rule's: `pairs` and
`counterparts` say what the tables hold that most rules work on, `chosen` which sources a run is
for if the config names any, `shard_file` where a shard lies; `class_subsample` is part of
plot_subsample, `conclude` of `identify`. Elsewhere: `describe_service`, `fetch_catalog`,
`fetch_outlines`, `discover_services`, `preflight` (archive), `filter_plane` (sky.py), plot_*
(figures), `provenance`, `bundle`, `replay`, `drift` (provenance), `build_demo_sky` (demo).
"""
