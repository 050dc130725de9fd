"""Where Chandra has looked, and how deep: footprints, cells of the sky, depth at a place.

Knows observations, outlines and catalogue positions as arrays; nothing of files, services or
Fermi sources. Start at `cells`.
"""
