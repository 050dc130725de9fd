"""The figures, one module per subject, in one style.

Knows how things are drawn; takes numbers as the stages give them. Start at `style.py`.
"""
