"""Policies for environments, found without gradients.

Empty on purpose: worker processes import from here, and must not pay for JAX.
"""
