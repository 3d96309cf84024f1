"""Descriptions of studies as earlier versions stored them, in the form of today."""

from typing import Any

_OPTUNA = "optuna:"  # stood before the name of a sampler of Optuna's


def upgraded(kept: dict[str, Any]) -> dict[str, Any]:
    """A description as this version stores it; one that is as today, or makes no sense, is left as it is.

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
