"""Blocks that lack a property, family by family: the block, the name of the check that finds it, what it says."""

from wrong import (
    activations,
    callbacks,
    encodings,
    findings,
    initializers,
    layers,
    losses,
    methods,
    optimizers,
    penalties,
    probes,
    pruners,
    scalers,
    schedules,
    strategies,
    surfaces,
)

FAMILIES = (
    activations,
    initializers,
    losses,
    optimizers,
    schedules,
    penalties,
    scalers,
    layers,
    methods,
    probes,
    strategies,
    pruners,
    surfaces,
    encodings,
    findings,
    callbacks,
)
WRONG = [row for family in FAMILIES for row in family.WRONG]
