"""One TAP service, asked and not believed: requests, retries, jobs, and the VOTables that come.

Knows the protocol; nothing of catalogues, kept answers or the config. Start at `endpoint.py`.
"""
