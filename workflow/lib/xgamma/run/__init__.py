"""What a job and a run need: logs, errors, Slurm, requests at a time, digests of code.

Knows Snakemake's ways and nothing of the sky. Start at `job.py`.
"""
