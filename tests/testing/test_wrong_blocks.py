"""A block that lacks a property is found by the check of that property, which says what it found."""

import sys
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import pytest

from fallline.activations import Activation, ReLU
from fallline.core.errors import FalllineError
from fallline.core.field import structure
from fallline.testing import check, checks
from fallline.testing.base import checked_families

sys.path.append(str(Path(__file__).parent))
from wrong import WRONG
from wrong.activations import FalseRange
from wrong.losses import NoLogits

sys.path.remove(str(Path(__file__).parent))


@pytest.mark.parametrize(("block", "name", "found"), WRONG, ids=[f"{n}-{type(b).__name__}" for b, n, _ in WRONG])
def test_found_by_the_named_check(block, name, found):
    own = {each.name: each for each in checks(block)}
    with pytest.raises(AssertionError) as said:
        own[name](block)
    sentence = str(said.value)
    assert sentence.startswith(f"{type(block).__name__}(")
    assert f"fails {name!r} ({own[name].says})" in sentence
    assert found in sentence


def test_every_check_finds_somebody():
    found = {(block.family, name) for block, name, _ in WRONG} | {("activation", "written")}
    common = {"declared", "written", "traced"}
    blocks = {block.family: block for block, *_ in WRONG}
    for kind in checked_families():
        for each in checks(blocks[kind]):
            assert (kind, each.name) in found or each.name in common, f"{kind}: {each.name}"
    assert common <= {name for _, name in found}


def test_a_block_that_no_file_can_hold_is_found(monkeypatch):
    monkeypatch.setattr("fallline.core.block._FAMILIES", {"activation": {}})

    class Unnameable(Activation):
        """A structure that comes back as another."""

        name: ClassVar = "unnameable"
        zero_centred: ClassVar = True
        sizes: tuple = structure(({1},), help="a tuple of sets")

        def __call__(self, x):
            return x

        def __eq__(self, other):
            return self is other

        __hash__ = None

    with pytest.raises(AssertionError, match=r"fails 'written'.*read again it is"):
        check(Unnameable())


def test_every_check_is_listed_once_and_says_its_property():
    for block in {type(block): block for block, *_ in WRONG}.values():
        each = checks(block)
        assert len({check.name for check in each}) == len(each)
        assert all(len(check.says) > 20 and not check.says.endswith(".") for check in each)


def test_check_gathers_all_that_is_wrong_in_one_error():
    with pytest.raises(AssertionError) as said:
        check(FalseRange())
    assert str(said.value).count("FalseRange() fails") == 1
    with pytest.raises(AssertionError, match=r"(?s)fails 'far'.*fails 'probabilities'"):
        check(NoLogits())
    check(ReLU())


def test_what_is_no_block_is_refused_in_a_sentence():
    class Own(eqx.Module):
        """Not a block."""

    for wrong in (Own(), ReLU, 3):
        with pytest.raises(FalllineError, match="expected a block of a family"):
            check(wrong)
