"""Talks to one TAP service: requests, retries, jobs, and careful reading of the VOTables that come.

Knows the protocol; nothing of catalogues, kept answers or the config. Start at `endpoint.py`.
"""
