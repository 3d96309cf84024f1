"""The description of a study as plain data, stored beside its trials: enough to continue it with the same settings."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fallline._version import __version__
from fallline.core.block import family
from fallline.core.distribution import refuse_space
from fallline.core.errors import FalllineError
from fallline.core.plain import from_plain, to_plain
from fallline.core.reading import check_regular
from fallline.core.shape import Entries, Listed, Mapping, Plain, Real, Text, Whole, check, maybe
from fallline.data.table import Table
from fallline.searching.earlier import upgraded
from fallline.strategies.base import Strategy
from fallline.strategies.halving import Halving
from fallline.strategies.space import Space
from fallline.streams.opening import in_memory_if_it_fits, opened
from fallline.training.folder import DATA
from fallline.training.recipe import recipe_from_plain, recipe_to_plain

_BLOCK = Mapping(Plain())  # the block itself checks its fields
DESCRIPTION = Entries(  # the shape of the dict that `describe` returns
    {
        "space": maybe(_BLOCK), "default": Listed(Real(0.0, 1.0)), "data": DATA, "fingerprint": Text(),
        "strategy": _BLOCK, "folds": maybe(Whole(2, 10**6)), "seeds": Whole(1, 10**6), "halving": maybe(_BLOCK),
        "batch": Whole(1, 10**9), "piece": maybe(Whole(1)), "trials": Whole(0, 10**9), "version": Text(),
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
    strategy: Strategy,
    folds: int | None,
    seeds: int,
    halving: Halving | None,
    batch: int,
    piece: int | None,
    trials: int,
    persistent: bool = True,
) -> dict[str, Any]:
    """A study as plain data; a study in memory may hold blocks that cannot be written to a file."""
    return {
        "version": __version__,
        "space": recipe_to_plain(space.recipe) if persistent else None,
        "default": space.default.tolist(),
        "data": data.source,
        "fingerprint": data.fingerprint,
        "strategy": strategy_to_plain(strategy),
        "folds": folds,
        "seeds": seeds,
        "halving": None if halving is None else to_plain(halving),
        "batch": batch,
        "piece": piece,
        "trials": trials,
    }


def strategy_to_plain(strategy: Strategy) -> dict[str, Any]:
    """A strategy as plain data; a strategy that cannot be written to a file is represented by its `repr`.

    >>> from fallline.strategies import CoarseToFine
    >>> strategy_to_plain(CoarseToFine(stage=8))
    {'name': 'coarse_to_fine', 'stage': 8, 'shrink': 0.5, 'best': 3, 'outside': 0.1}
    """
    if family("strategy").get(strategy.name) is not type(strategy):
        return {"name": None, "shown": repr(strategy)}
    plain = to_plain(strategy)
    try:
        same = json.loads(json.dumps(plain)) == plain
    except (TypeError, ValueError):
        same = False
    return plain if same else {"name": None, "shown": repr(strategy)}


def strategy_of(kept: dict[str, Any], what: str) -> Strategy:
    """The strategy with which a study was begun.

    Raises: FalllineError for a strategy that only Python can make, and for one that this version does not know.
    """
    plain = kept["strategy"]
    if "shown" in plain:
        raise FalllineError(
            f"{what} was begun with {plain['shown']}, which only Python can continue: give fallline.search the same "
            "strategy and study"
        )
    with _written_by(kept, what):
        strategy: Strategy = from_plain("strategy", plain)
        refuse_space(strategy)
    return strategy


def read_description(kept: dict[str, Any], what: str, dimensions: int | None = None) -> dict[str, Any]:
    """A stored description, by this version or an earlier one, in the form that `describe` returns.

    Raises: FalllineError, naming the version that wrote it, for a description that cannot be read or has another number of
        dimensions.
    """
    with _written_by(kept, what):
        kept = upgraded(kept)
        check(DESCRIPTION, kept, "its description", "use another copy")
        if dimensions is not None and len(kept["default"]) != dimensions:
            raise FalllineError("its default is not a point of its space; use another copy")
        if kept["halving"] is not None:
            kept = kept | {"halving": to_plain(from_plain("pruner", kept["halving"], "halving"))}
    return kept


@contextmanager
def _written_by(kept: dict[str, Any], what: str) -> Iterator[None]:
    """Raises: FalllineError that names the study and its version, if reading it inside the `with` block fails."""
    try:
        yield
    except FalllineError as error:
        version = kept.get("version", "0.1.0")
        known = version if isinstance(version, str) and len(version) < 20 else "unknown"
        raise FalllineError(
            f"{what} cannot be read ({error}); it was begun with Fallline {known}, and this is {__version__}"
        ) from None


def check_same(kept: dict[str, Any], asked: dict[str, Any]) -> None:
    """Raises: FalllineError for a study that was begun with another space, other data or other settings."""
    for key, what in _MUST_AGREE.items():
        if kept[key] != json.loads(json.dumps(asked[key])):
            raise FalllineError(
                f"the study was begun with {what}: give it another name, or search what it was begun with"
            )


def begun(where: str | Path, name: str = "study", data: Table | None = None) -> dict[str, Any]:
    """The arguments of `search` with which a study was begun; its proposals continue where they stopped.

    Arguments:
        where: the study's SQLite file or SQLAlchemy URL.
        name: name of the study in that database.
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
    seed, kept = found[0], read_description(found[1], f"study {str(where)!r}")
    if kept["space"] is None:
        raise FalllineError(f"study {str(where)!r} does not say what it searches: only fallline.search can continue it")
    if data is None and "source" not in kept["data"]:
        raise FalllineError(
            f"study {str(where)!r} was begun with a table from memory: only Python can continue it, with data=..."
        )
    with _written_by(kept, f"study {str(where)!r}"):
        space = Space(recipe_from_plain(kept["space"]))
    read_description(kept, f"study {str(where)!r}", len(space))
    space.default = np.array(kept["default"])
    return {
        "space": space,
        "data": in_memory_if_it_fits(opened(**kept["data"])) if data is None else data,
        "trials": kept["trials"],
        "batch": kept["batch"],
        "strategy": strategy_of(kept, f"study {str(where)!r}"),
        "folds": kept["folds"],
        "seeds": kept["seeds"],
        "halving": None if kept["halving"] is None else from_plain("pruner", kept["halving"]),
        "seed": seed,
        "study": where,
        "name": name,
    }
