"""Where products come from, and what can be done with that: crate, bundle, replay, drift.

Knows every product by its name; makes none of them. Start at `record.py`.
"""
