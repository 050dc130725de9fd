"""The pages of a run, to be read in a browser without a server.

A page is a template filled with plain values; charts are SVG, written here. Nothing that comes from
an archive reaches a page but through the template's escaping, or `charts.text`.
"""
