"""Search: from a space to the best recipe, in batches that fill the machine."""
