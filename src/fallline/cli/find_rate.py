"""`fallline train --learning-rate find`: the rate of a plan, found by short runs before the training."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from fallline.cli.output import say
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.lab.rate_range import RateRange
    from fallline.training.folder import Plan

FIND = "find"
PAGE = "learning_rate.html"  # in the folder of the run


def parse_rate(text: str | None) -> float | None:
    """A learning rate from the text of a flag.

    Raises: FalllineError for what is neither a number nor `find`.

    >>> parse_rate("3e-3"), parse_rate(None)
    (0.003, None)
    """
    try:
        return None if text is None else float(text)
    except ValueError:
        raise FalllineError(f"--learning-rate {text!r} is not a number: expected such as 0.003, or find") from None


def with_found_rate(plan: "Plan") -> "tuple[Plan, RateRange]":
    """The plan with the learning rate in the middle of the good ones, which is said in one sentence; and the range.

    Raises: FalllineError if no rate can be suggested.
    """
    from fallline.lab.rate_range import learning_rate_range, with_found
    from fallline.streams.opening import opened, table_of

    if "source" not in plan.data:
        raise FalllineError(
            "the recipe's [data] names no source: give one, as in fallline train data.csv --recipe FILE"
        )
    found = learning_rate_range(plan.recipe, table_of(opened(**plan.data)), ramp=False)
    recipe = with_found(plan.recipe, found)
    say(found.sentence)
    return dataclasses.replace(plan, recipe=recipe), found


def show_rates(found: "RateRange", run: Path) -> None:
    """Write the page of the rates that were tried into the folder of the run."""
    say(f"The rates that were tried: {found.save_page(run / PAGE)}")
