"""The demo archive: a simulated sky behind a TAP service.

`sky` simulates, `server` answers requests over what it made; neither knows the workflow that asks.
Start at `sky/build.py` and `server/service.py`.
"""
