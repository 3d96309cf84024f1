"""The pages of blocks and findings are those that the declarations give, and every rule has its picture."""

import importlib
import sys
from pathlib import Path
from typing import ClassVar

import pytest

MAKE = Path(__file__).parents[2] / "docs/make"


@pytest.fixture(scope="module")
def families():
    sys.path.insert(0, str(MAKE))
    try:
        yield importlib.import_module("families")
    finally:
        sys.path.remove(str(MAKE))


def test_the_pages_are_up_to_date(families):
    """If this fails: python docs/make/families.py."""
    stale = [path.name for path, text in families.written().items() if path.read_text(encoding="utf-8") != text]
    assert stale == []


def test_pages_leave_out_the_blocks_of_others(families):
    from fallline.callbacks import Callback
    from fallline.core.block import family

    class OfAPlugin(Callback):
        """A block that a plugin or a test registered."""

        name: ClassVar[str] = "of_a_plugin"

    assert "of_a_plugin" in family("callback")
    try:
        assert "of_a_plugin" not in families.own("callback")
        assert "of_a_plugin" not in families.page("callback") + families.index()
    finally:
        del family("callback")["of_a_plugin"]


def test_every_family_has_a_page(families):
    from fallline.core.block import families as all_families

    untold = {"milestone", "policy", "policy_recipe", "recipe"}  # parts of others; the recipe is on the page of classes
    assert {kind for kind in all_families() if families.own(kind)} - untold == set(families.FAMILIES)


def test_every_rule_that_descends_is_compared_and_drawn(families):
    from fallline.core.block import family
    from fallline.optimizers.wrappers import Wrapper

    plain = {name for name in families.own("optimizer") if not issubclass(family("optimizer")[name], Wrapper)}
    assert set(families.RULES) == plain - {"without_gradient"} == set(families.walks())
    assert all((MAKE.parent / f"pictures/{name}.svg").stat().st_size < 60_000 for name in families.RULES)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a * b and `x_y` [0, 1]", r"a \* b and `x_y` \[0, 1\]"),
        ("w <- w - a g", r"w \<- w - a g"),
    ],
)
def test_prose_means_nothing_to_markdown(families, text, shown):
    assert families.prose(text) == shown


def test_formulas_are_kept_line_by_line(families):
    text = "Words that\ngo on.\n\n    m <- b m\n    v <- c v\n\nMore."
    assert families.markdown(text) == "Words that go on.\n\n```text\nm <- b m\nv <- c v\n```\n\nMore.\n"
