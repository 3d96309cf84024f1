"""Search: find the best recipe in a space, in batches that fill the machine.

Nothing is imported here: the board reads the descriptions of studies and does without JAX.
"""
