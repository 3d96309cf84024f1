"""What every strategy and every pruner keeps: `fallline.testing`, for each of them."""

import warnings

import pytest

from fallline.core.block import Block, declared_fields, family
from fallline.strategies import TPE, CoarseToFine, Grid, Halving, OptunaSampler
from fallline.strategies.named import required
from fallline.testing import checks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports may warn
    optuna = pytest.importorskip("optuna")

KINDS = ("strategy", "pruner")
NEEDS = {"optuna": "TPESampler"}  # what a strategy without a default is given
SPECIAL = [
    Grid(3), Grid(1), CoarseToFine(stage=5, best=1, outside=0.0), CoarseToFine(1, 1.0), TPE(first=2, joint=1.0, explore=0.0),
    TPE(first=2, joint=0.0, explore=0.0, most=1), TPE(share=0.9),
    OptunaSampler(optuna.samplers.RandomSampler(seed=0)), Halving(2, least=1), Halving(among="study"), Halving(4, 3),
]  # fmt: skip


def usual(kind: type[Block]) -> Block:
    needed = required(kind)
    return kind() if needed is None else kind(NEEDS[kind.name])


MEMBERS = [*(usual(kind) for each in KINDS for kind in family(each).values()), *SPECIAL]
CASES = [(check, block) for block in MEMBERS for check in checks(block)]


def label(value: object) -> str:
    return value.name if not isinstance(value, Block) else repr(value).replace(" ", "").replace("\n", "")[:50]


@pytest.mark.parametrize(("check", "block"), CASES, ids=label)
def test_contract(check, block):
    check(block)


@pytest.mark.parametrize("cls", [cls for kind in KINDS for cls in family(kind).values()], ids=lambda cls: cls.name)
def test_documented_with_a_source_an_example_and_usual_ranges(cls):
    assert "Source: " in cls.__doc__
    assert ">>>" in cls.__doc__
    for field, declared in declared_fields(cls).items():
        assert declared.role != "number" or declared.usual, field
