"""Upgrade the descriptions of studies stored by earlier versions to the current form."""

from typing import Any

_OPTUNA = "optuna:"  # former prefix of the names of Optuna's samplers


def upgraded(kept: dict[str, Any]) -> dict[str, Any]:
    """A description in the current form; current or invalid descriptions are returned unchanged.

    Version 0.1.0 stored no version, called the strategy a proposer, and did not name halving.

    >>> upgraded({"proposer": {"name": "optuna:TPESampler"}, "halving": {"factor": 3, "least": 2}})
    {'halving': {'name': 'halving', 'factor': 3, 'least': 2}, 'strategy': {'name': 'optuna', 'sampler': 'TPESampler'}, \
'version': '0.1.0'}
    """
    if "proposer" not in kept or "strategy" in kept:
        return kept
    strategy, halving = kept["proposer"], kept.get("halving")
    rest = {key: value for key, value in kept.items() if key != "proposer"}
    if isinstance(strategy, dict):
        name = strategy.get("name")
        if isinstance(name, str) and name.startswith(_OPTUNA):
            strategy = {"name": "optuna", "sampler": name.removeprefix(_OPTUNA)}
    if isinstance(halving, dict):
        rest["halving"] = {"name": "halving", **halving}
    return {**rest, "strategy": strategy, "version": "0.1.0"}
