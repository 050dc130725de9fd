"""Chandra counterparts of the Fermi gamma-ray sources of the Galactic plane."""

import gc
import sys

__version__ = "0.1.0"

# A job loads packages for most of its short life and leaves no garbage meanwhile: the collector,
# which would look at all of them again and again, waits until `xgamma.run.job.job` begins.
if hasattr(sys.modules["__main__"], "snakemake"):
    gc.disable()
