"""What strategies have in common beside the contract: the first trial, their settings, their own random streams."""

import numpy as np
import pytest

from fallline.core.block import Block, declared_fields, family
from fallline.core.errors import FalllineError
from fallline.schedules import Constant
from fallline.strategies import TPE, CoarseToFine, Grid, Halving, Random, TrialHistory
from fallline.strategies.streams import draws
from fallline.testing.strategies import conditional

NUMBERS = [
    (cls, name)
    for kind in ("strategy", "pruner")
    for cls in family(kind).values()
    for name, declared in declared_fields(cls).items()
    if declared.role == "number"
]


def test_all_but_the_grid_and_optunas_begin_with_the_default():
    first = {name for name, cls in family("strategy").items() if cls.begins_with_default}
    assert first == set(family("strategy")) - {"grid", "optuna"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Grid(0), r"Grid.levels = 0 is outside the valid interval \[1, 1e6\]"),
        (lambda: CoarseToFine(shrink=0.0), r"CoarseToFine.shrink = 0.0 is outside the valid interval \(0, 1\]"),
        (lambda: CoarseToFine(stage=2.5), "CoarseToFine.stage = 2.5 is not a whole number"),
        (lambda: TPE(share=1.0), r"TPE.share = 1.0 is outside the valid interval \(0, 1\)"),
        (lambda: TPE(joint=2.0), "TPE.joint = 2.0"),
        (lambda: TPE(first=float("nan")), "TPE.first"),
        (lambda: TPE(explore="often"), "TPE.explore = 'often' is not a number"),
        (lambda: Halving(1), r"Halving.factor = 1 is outside the valid interval \[2, 1000\]"),
        (lambda: Halving(among="all"), "Halving.among = 'all' is unknown: valid: 'batch', 'study'"),
    ],
)
def test_bad_settings_are_named(make, words):
    with pytest.raises(FalllineError, match=words):
        make()


@pytest.mark.parametrize(("cls", "name"), NUMBERS, ids=lambda each: getattr(each, "name", each))
def test_neither_a_schedule_nor_a_number_out_of_its_interval_stands_in_a_number(cls: type[Block], name):
    with pytest.raises(FalllineError, match=f"{cls.__name__}.{name}"):
        cls(**{name: Constant(getattr(cls(), name))})
    valid = declared_fields(cls)[name].valid
    for beyond in (valid.low - 1, valid.high + 1):
        with pytest.raises(FalllineError, match=f"{cls.__name__}.{name} = .* is outside the valid interval"):
            cls(**{name: beyond})


def test_a_strategy_draws_from_streams_of_its_own(monkeypatch):
    monkeypatch.setattr("fallline.core.block._FAMILIES", {"strategy": {}})

    class Mine(Random):
        """Random search under another name."""

        name = "mine"

    class Unnamed(Random):
        """Random search without one."""

        name = ""

    space = conditional()
    found = [each.propose(space, TrialHistory.empty(space), range(1, 9), 0) for each in (Random(), Mine(), Unnamed())]
    assert not any(np.array_equal(a, b) for a, b in ((found[0], found[1]), (found[0], found[2]), (found[1], found[2])))
    assert Mine().draws(0, 1).random() == draws(0, 1, "mine").random()
    assert Mine().draws(0, 1, "use").random() == draws(0, 1, "mine.use").random()
