"""Which Chandra source, if any, is a Fermi source: probabilities from position, flux and chance.

Knows arrays and frames; nothing of files, services or Snakemake. Start at `posterior`, which puts
the terms together; `docs/method.md` has the equations.
"""
