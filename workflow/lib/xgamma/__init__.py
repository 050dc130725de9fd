"""Chandra counterparts of the Fermi gamma-ray sources of the Galactic plane."""

__version__ = "0.1.0"
