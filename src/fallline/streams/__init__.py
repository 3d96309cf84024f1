"""Tables that are read piece by piece, because they do not fit into memory: found, learnt, encoded, and put in order.

Nothing is imported here: `fallline predict` only asks whether a source is one.
"""
