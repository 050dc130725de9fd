"""Which optical and infrared objects a Chandra source is: probabilities from position and chance.

Knows arrays of positions, errors and magnitudes; nothing of files, services or Snakemake. Start at
`identify`, which puts the parts together; `docs/method.md` has the equations.
"""
