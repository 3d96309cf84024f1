"""Which probes can be recorded together, and what is said of one that is wrong."""

from typing import Any, ClassVar

import jax.numpy as jnp
import pytest

import fallline as fl
from fallline.probes import RECORDED, Dead, LearningRate, Probe, recordable


class Plain(Probe):
    """A probe of the run; the tests give it other names and answers."""

    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "Plain"
    help: ClassVar[str] = "The loss."
    threshold: float = fl.number(0.5, valid="[0, 1]", usual=(0.1, 0.9), help="does nothing here")

    def compute(self, context):
        return context.train_loss


def named(given: str, **facts: Any) -> Probe:
    return type("Named", (Plain,), {"name": given, "__doc__": "A probe.", **facts})()


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        (Dead(), "is not a tuple of probes"),
        (Dead, "is not a tuple of probes"),
        ("dead", "is not a tuple of probes"),
        (3, "is not a tuple of probes"),
        ((Dead,), r"write Dead\(\), with parentheses"),
        (("dead",), "'dead' is not a probe: expected a block"),
        ((Dead(), LearningRate(), Dead()), "two probes have the name 'dead'"),
        ((Plain(0.1), Plain(0.2)), "two probes have the name 'plain'"),
        ((named("train_loss"),), "the name 'train_loss' is taken"),
        ((named("valid_accuracy"),), "the name 'valid_accuracy' is taken"),
        ((named("epoch"),), "the name 'epoch' is taken"),
        ((named(""),), "its name '' is no name of a column"),
        ((named("a.b"),), "its name 'a.b' is no name of a column"),
        ((Plain(fl.Cosine(0.5)),), "a probe's numbers are plain"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_anything_is_trained(flowers, probes, said):
    with pytest.raises(fl.FalllineError, match=said):
        recordable(probes)
    with pytest.raises(fl.FalllineError, match=said):
        fl.train(fl.Recipe(epochs=1), flowers, probes=probes)
    with pytest.raises(fl.FalllineError, match=said):
        fl.evaluate([fl.Recipe(epochs=1)], flowers, probes=probes)


def test_a_name_that_a_probe_of_fallline_has_is_taken_but_not_for_its_own_kind():
    class Deader(Dead):
        """A stricter one."""

        name: ClassVar[str] = ""

    assert [each.name for each in recordable([*RECORDED, Plain()])] == [*(each.name for each in RECORDED), "plain"]
    Deader.name = "dead"
    assert recordable([Deader()])
    with pytest.raises(fl.FalllineError, match="Named cannot be recorded: the name 'dead' is taken"):
        recordable([unregistered("dead")])


def unregistered(given: str) -> Probe:
    found = named("later")
    type(found).name = given
    return found


class Wide(Plain):
    """A vector where a number belongs."""

    name: ClassVar[str] = "wide"

    def compute(self, context):
        return jnp.zeros(7)


class Growing(Plain):
    """It gathers more with every step."""

    name: ClassVar[str] = "growing"

    def begin(self, params):
        return jnp.zeros(1)

    def after_step(self, gathered, step):
        return jnp.concatenate([gathered, gathered])


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (Wide(), r"probe 'wide' computes an array of shape \(7,\); of the axis 'run' its shape is \(\)"),
        (Growing(), r"probe 'growing': after_step returns \[\(2,\)\], but begin has made \[\(1,\)\]"),
    ],
)
def test_arrays_of_a_wrong_shape_are_named(flowers, probe, said):
    with pytest.raises(fl.FalllineError, match=said):
        fl.train(fl.Recipe(epochs=1), flowers, probes=(probe,))
