"""What the workflow asks of an archive: a client, catalogues, surveys, lists of columns.

Knows HEASARC's, Gaia's and IRSA's tables, and ObsCore; nothing of what is made of the rows. Start
at `connect.py`, then `client.py`.
"""
