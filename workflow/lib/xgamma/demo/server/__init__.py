"""The TAP service over the simulated sky: ADQL in, VOTables out, on a port or in this process.

Knows the protocol and the tables that it serves. Start at `service.py`, then `statement.py`.
"""
