"""What a second run says otherwise than the first, and which of its inputs makes the difference.

Knows arrays and frames; nothing of files, services or Snakemake. Start at `fermi_lists`, which
finds the sources of one list in the other; `exchanges` computes P with one input exchanged.
"""
