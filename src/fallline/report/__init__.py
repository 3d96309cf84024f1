"""A run as one self-contained HTML page; figures are computed as data first and drawn last.

Nothing is imported here: the board takes the page's style and the list of runs from this package and does without JAX.
"""
