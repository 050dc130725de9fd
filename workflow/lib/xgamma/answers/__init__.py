"""Answers that were kept: found again, used again, and checked before a table is made of them.

Knows where answers lie and what they cover; asks nobody. Start at `reuse.py`.
"""
