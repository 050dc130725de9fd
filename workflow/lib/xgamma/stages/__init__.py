"""What each rule makes, one module per rule and named as it: tables in, tables out.

Start at `crossmatch.py`. No rule has: `pairs`, `counterparts`, what most tables hold; `chosen`, a
run's sources; `shard_file`; `class_subsample` of plot_subsample, `conclude` of identify,
`crossmatch_own` of crossmatch. Elsewhere: `describe_service`, `fetch_catalog`, `fetch_outlines`,
`discover_services`, `preflight` (archive), `filter_plane` (sky.py), plot_* (figures), publish_*
(site), `exports`, `provenance`, `bundle`, `replay`, `drift`, `build_demo_sky` (demo).
"""
