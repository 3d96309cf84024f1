"""From tables to arrays: read a source, recognise its columns, encode them once, split the rows.

Nothing is imported here: `fallline predict` needs what reads and encodes, and not what recognises.
"""
