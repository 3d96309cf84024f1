"""Policies for environments, found without gradients.

This file is empty on purpose: worker processes import from this package and should not load JAX.
"""
