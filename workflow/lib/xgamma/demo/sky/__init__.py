"""The simulated sky: Chandra pointings, X-ray sources and stars around the real Fermi sources.

Knows how such a sky is drawn and stored; nothing of requests. Start at `build.py`.
"""
