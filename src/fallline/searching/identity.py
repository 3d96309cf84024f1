"""What makes two searches the same."""

from typing import Any

from fallline.core.plain import to_plain
from fallline.searching.description import strategy_to_plain
from fallline.strategies.named import strategy_named
from fallline.strategies.space import Space
from fallline.training.identity import digest, surroundings
from fallline.training.recipe import recipe_to_plain


def study_identity(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Everything that the result of a search depends on: space, data, settings, budget, seed, version and device.

    Arguments:
        options: the arguments of `search`.
        more: what else can change what is saved.
    """
    space, data, halving, strategy = (options[name] for name in ("space", "data", "halving", "strategy"))
    assert isinstance(space, Space)
    kept = {name: options.get(name) for name in ("folds", "batch", "seed", "trials", "seconds")}
    return {
        "kind": "study", "space": digest(recipe_to_plain(space.recipe)), "default": digest(space.default.tolist()),
        "data": data.fingerprint, **surroundings(data), "halving": None if halving is None else to_plain(halving),
        "strategy": strategy_to_plain(strategy_named(strategy) if isinstance(strategy, str) else strategy), **kept, **more,
    }  # fmt: skip
