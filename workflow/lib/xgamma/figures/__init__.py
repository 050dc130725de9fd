"""Figures of the workflow, one module per subject."""
