"""What each rule makes, one module per rule and named as it: tables in, tables out. No Snakemake.

Start at `crossmatch.py`. No rule has: `pairs`, `counterparts`, `chosen`, `shard_file`; and
`class_subsample` of plot_subsample, `conclude` of identify, `crossmatch_own` of crossmatch,
`compared_run`, `comparison_words` of compare. Elsewhere: `describe_service`, `fetch_catalog`,
`fetch_outlines`, `discover_services`, `preflight` (archive), `filter_plane`, plot_*, publish_*,
`exports`, `provenance`, `bundle`, `replay`, `drift`, `build_demo_sky` (demo).
"""
