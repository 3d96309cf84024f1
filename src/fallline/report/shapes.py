"""The required content of the files that a report reads: `metrics.json` and `study.json`."""

from collections.abc import Mapping as Pairs
from typing import Any

from fallline.core.errors import FalllineError
from fallline.core.shape import Either, Entries, Flag, Listed, Mapping, Nothing, Plain, Real, Text, Whole, check, maybe

_NUMBER = maybe(Real(finite=False))
_METRICS = Mapping(_NUMBER)
_SCALAR = Either(Real(), Flag(), Text(), Nothing())
_ROWS = Entries({}, {"train": Whole(0), "valid": Whole(0), "test": Whole(0), "out_of_fold": Whole(0)})
_MEMBERS = Entries({"how": Text(), "each": Listed(Plain()), "mean_metrics": Mapping(_METRICS)}, open=True)
SUMMARY = Entries(
    {
        "sentence": Text(), "outcome": Text(), "metrics": Mapping(_METRICS), "notes": Listed(Text()),
        "data": Entries(
            {"rows": _ROWS},
            {"name": maybe(Text()), "task": Text(), "target": Listed(Text()), "classes": maybe(Listed(Text())),
             "features": Whole(0)},
            open=True,
        ),
    },
    {"epochs": Whole(0), "best_epoch": maybe(Whole(0)), "steps": Whole(0), "seconds": _NUMBER, "setup_seconds": _NUMBER,
     "still_improving": maybe(Entries({}, {"epochs": Whole(1), "gain": Real(), "error": Real()}, open=True)),
     "seed": Either(Whole(0), Text()), "parameters": Whole(0), "members": _MEMBERS,
     "scaling": Mapping(Either(Text(), _NUMBER))},
    open=True,
)  # fmt: skip
_PLACE = maybe(Real(0.0, 1.0))
_TRIAL = Entries(
    {"trial": Whole(0), "outcome": Text(), "score": maybe(Real()), "rank": Whole(0), "places": Listed(_PLACE),
     "values": Listed(_SCALAR)},
    open=True,
)  # fmt: skip
_CARD = Entries(
    {"sentence": Text(), "whole": Flag(), "likely": maybe(Listed(_SCALAR, 2, 2)), "sure": maybe(Listed(_SCALAR, 2, 2))},
    open=True,
)
_AXIS = Entries(
    {"name": Text(), "log": Flag(), "low": maybe(Real()), "high": maybe(Real()),
     "options": maybe(Listed(_SCALAR, least=1)), "importance": maybe(Real()), "sensitivity": maybe(_CARD)},
    open=True,
)  # fmt: skip
_BEST = Entries(
    {"trial": Whole(0), "score": maybe(Real()), "error": maybe(Real()), "values": Mapping(Plain())}, open=True
)
_PROSPECT = Entries({"trials": Whole(1), "mean": Real(), "low": Real(), "high": Real()}, open=True)
_NESTED = Entries({"folds": Listed(_METRICS, least=1), "mean": _METRICS, "error": _METRICS}, open=True)
SEARCH = Entries(
    {"monitor": Text(), "seconds": Real(0), "best": _BEST, "trials": Listed(_TRIAL), "hyperparameters": Listed(_AXIS),
     "edges": Listed(Text()), "outlook": maybe(Text()), "prospects": Listed(_PROSPECT), "nested": maybe(_NESTED)},
    {"ensemble": Entries({"sentence": Text()}, open=True), "default": maybe(Text())},
    open=True,
)  # fmt: skip


def check_search(search: Pairs[str, Any], what: str, remedy: str) -> None:
    """Checks the content of `study.json` against `SEARCH`, and its parts against each other.

    Raises: FalllineError if anything does not match.
    """
    check(SEARCH, search, what, remedy)
    axes, nested = search["hyperparameters"], search["nested"]
    for place, trial in enumerate(search["trials"]):
        pairs = list(zip(trial["places"], trial["values"], axes, strict=False))
        fits = len(trial["places"]) == len(trial["values"]) == len(axes)
        numbers = (
            Real().wrong(value, "") is None for u, value, axis in pairs if u is not None and axis["options"] is None
        )
        if not fits or not all(numbers):
            raise FalllineError(
                f"{what} is damaged: trials.{place} has not a value for each of {len(axes)} names; {remedy}"
            )
    if nested is not None and (not nested["mean"] or nested["mean"].keys() - nested["error"].keys()):
        raise FalllineError(f"{what} is damaged: its nested.mean and nested.error are of different metrics; {remedy}")
