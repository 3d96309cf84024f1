"""What a study is, as plain data beside its trials: enough to continue it exactly as it was begun."""

import dataclasses
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.core.reading import check_regular
from fallline.core.shape import Either, Entries, Flag, Listed, Mapping, Nothing, Plain, Real, Text, Whole, check, maybe
from fallline.data.table import Table, load
from fallline.population import Halving
from fallline.searching.coarse import CoarseToFine
from fallline.searching.optuna_sampler import OptunaSampler, sampler_named
from fallline.searching.proposers import Grid, Proposer, Random, Sobol
from fallline.searching.space import Space
from fallline.searching.tpe import TPE
from fallline.training.folder import DATA
from fallline.training.recipe import recipe_from_plain, recipe_to_plain


def _settings(kinds: dict[str, type[Proposer]]) -> list[str]:
    return [each.name for kind in kinds.values() for each in dataclasses.fields(kind)]  # type: ignore[arg-type]


STRATEGIES: dict[str, type[Proposer]] = {
    "tpe": TPE,
    "random": Random,
    "sobol": Sobol,
    "grid": Grid,
    "coarse_to_fine": CoarseToFine,
}
OPTUNA = "optuna:"  # before the name of one of its samplers
_PROPOSER = Entries(
    {"name": maybe(Text())},
    {key: Either(Flag(), Real(), Text(), Nothing()) for key in _settings(STRATEGIES)} | {"shown": Text()},
)
_HALVING = Entries({"factor": Whole(2, 1000), "least": Whole(1)}, {"among": Text(choices=("batch", "study"))})
DESCRIPTION = Entries(  # what `describe` makes
    {
        "space": maybe(Mapping(Plain())), "default": Listed(Real(0.0, 1.0)), "data": DATA, "fingerprint": Text(),
        "proposer": _PROPOSER, "folds": maybe(Whole(2, 10**6)), "seeds": Whole(1, 10**6), "halving": maybe(_HALVING),
        "batch": Whole(1, 10**9), "piece": maybe(Whole(1)), "trials": Whole(0, 10**9),
    }
)  # fmt: skip
_MUST_AGREE = {
    "space": "another space",
    "fingerprint": "other data",
    "folds": "other folds",
    "seeds": "other seeds",
    "halving": "another halving",
}


def describe(
    space: Space,
    data: Table,
    *,
    proposer: Proposer,
    folds: int | None,
    seeds: int,
    halving: Halving | None,
    batch: int,
    piece: int | None,
    trials: int,
    persistent: bool = True,
) -> dict[str, Any]:
    """A study as plain data; one in memory may hold blocks that no file could."""
    return {
        "space": recipe_to_plain(space.recipe) if persistent else None,
        "default": space.default.tolist(),
        "data": data.source,
        "fingerprint": data.fingerprint,
        "proposer": proposer_to_plain(proposer),
        "folds": folds,
        "seeds": seeds,
        "halving": None if halving is None else dataclasses.asdict(halving),
        "batch": batch,
        "piece": piece,
        "trials": trials,
    }


def proposer_to_plain(proposer: Proposer) -> dict[str, Any]:
    """A strategy's word and its settings; of a strategy that is not ours, how it shows itself.

    >>> proposer_to_plain(CoarseToFine(stage=8))
    {'name': 'coarse_to_fine', 'stage': 8, 'shrink': 0.5, 'best': 3, 'outside': 0.1}
    """
    word = next((word for word, kind in STRATEGIES.items() if type(proposer) is kind), None)
    if isinstance(proposer, OptunaSampler) and isinstance(proposer.sampler, type):
        return {"name": f"{OPTUNA}{proposer.sampler.__name__}"}
    if word is None:
        return {"name": None, "shown": repr(proposer)}
    return {"name": word, **dataclasses.asdict(proposer)}  # type: ignore[call-overload]


def proposer_from_plain(plain: dict[str, Any]) -> Proposer:
    """The strategy again.

    Raises: FalllineError for one that only Python can make.
    """
    settings = dict(plain)
    word = settings.pop("name")
    settings.pop("shown", None)
    if word is not None and word.startswith(OPTUNA):
        return sampler_named(word.removeprefix(OPTUNA))
    if word not in STRATEGIES:
        raise FalllineError(
            f"the study was begun with {plain.get('shown')}, which only Python can continue: give fallline.search the "
            "same proposer and study"
        )
    try:
        return STRATEGIES[word](**settings)
    except TypeError:
        raise FalllineError(
            f"the strategy {word!r} has no such settings as {', '.join(settings)}: use another copy"
        ) from None


def strategy(word: str) -> Proposer:
    """A strategy by its word, with its usual settings; `optuna:NAME` is a sampler of Optuna's.

    Raises: FalllineError for a word that is none.

    >>> strategy("sobol")
    Sobol()
    """
    if not word.startswith(OPTUNA) and word not in STRATEGIES:
        raise FalllineError(f"the strategy {word!r} is unknown: {nearest(word, STRATEGIES)}")
    return proposer_from_plain({"name": word})


def check_description(kept: dict[str, Any], what: str, dimensions: int | None = None) -> None:
    """Raises: FalllineError for a description that `describe` does not make, or of another number of dimensions."""
    check(DESCRIPTION, kept, what, "use another copy")
    if dimensions is not None and len(kept["default"]) != dimensions:
        raise FalllineError(f"{what} is damaged: its default is not a point of its space; use another copy")


def check_same(kept: dict[str, Any], asked: dict[str, Any]) -> None:
    """Raises: FalllineError for a study that was begun with something else."""
    if kept["halving"] is not None:  # a study of an earlier version may not say all of it
        kept = kept | {"halving": dataclasses.asdict(Halving(**kept["halving"]))}
    for key, what in _MUST_AGREE.items():
        if kept[key] != json.loads(json.dumps(asked[key])):
            raise FalllineError(
                f"the study was begun with {what}: give it another name, or search what it was begun with"
            )


def begun(where: str | Path, name: str = "study", data: Table | None = None) -> dict[str, Any]:
    """The arguments of `search` with which a study was begun; its proposals go on where they ended.

    Arguments:
        where: the study's SQLite file or SQLAlchemy URL.
        name: of the study in that database.
        data: the table, for a study whose table came from memory.

    Raises: FalllineError where there is no such study, or where its data must be given.
    """
    if "://" not in str(where):
        check_regular(where, f"study {str(where)!r}", "the study.db of an earlier search")
    from fallline.searching.store import Store

    with closing(Store(where, name)) as store:
        found = store.described()
    if found is None:
        raise FalllineError(f"{str(where)!r} holds no study {name!r}: expected the study.db of an earlier search")
    seed, kept = found
    check_description(kept, f"study {str(where)!r}")
    if kept["space"] is None:
        raise FalllineError(f"study {str(where)!r} does not say what it searches: only fallline.search can continue it")
    if data is None and "source" not in kept["data"]:
        raise FalllineError(
            f"study {str(where)!r} was begun with a table from memory: only Python can continue it, with data=..."
        )
    space = Space(recipe_from_plain(kept["space"]))
    check_description(kept, f"study {str(where)!r}", len(space))
    space.default = np.array(kept["default"])
    return {
        "space": space,
        "data": load(**kept["data"]) if data is None else data,
        "trials": kept["trials"],
        "batch": kept["batch"],
        "proposer": proposer_from_plain(kept["proposer"]),
        "folds": kept["folds"],
        "seeds": kept["seeds"],
        "halving": None if kept["halving"] is None else Halving(**kept["halving"]),
        "seed": seed,
        "study": where,
        "name": name,
    }
