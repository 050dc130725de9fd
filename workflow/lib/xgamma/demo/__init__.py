"""The demo archive: a simulated sky behind a TAP service.

`sky` simulates, `server` answers requests over what it made; they share the tables and the file,
and know neither each other nor the workflow. Start at `sky/build.py` and `server/service.py`.
"""
