"""Which settings of ours are PyTorch's, Keras's and Optax's: fifty float64 steps with a learning rate that falls.

PyTorch's and Keras's steps are recorded (`benchmarks/record_trajectories.py`), Optax runs. The table in docs/rules.md is
made of the comparisons here; this writes it anew:

    WRITE_TABLE=1 python -m pytest tests/optimizers/test_conventions.py -k table
"""

import functools
import os
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fallline as fl
from fallline.core.block import as_arrays, declared_fields, replace
from fallline.optimizers import WeightDecay
from fallline.schedules import Milestones

PYTORCH = {
    "SGD(lr=0.01)": fl.SGD(0.01),
    "SGD(lr=0.01, momentum=0.9)": fl.Momentum(0.01, 0.9, rate_place="outside"),
    "SGD(lr=0.01, momentum=0.9, nesterov=True)": fl.Nesterov(0.01, 0.9, rate_place="outside"),
    "SGD(lr=0.01, weight_decay=0.1)": WeightDecay(fl.SGD(0.01), 0.1, decayed="all"),
    "Adagrad(lr=0.1)": fl.AdaGrad(0.1, 1e-10),
    "Adagrad(lr=0.1, initial_accumulator_value=0.1)": fl.AdaGrad(0.1, 1e-10, 0.1),
    "Adadelta()": fl.Adadelta(1.0, 0.9),
    "Adadelta(lr=0.5, rho=0.95, eps=1e-4)": fl.Adadelta(0.5, 0.95, 1e-4),
    "Rprop(lr=0.01)": fl.Rprop(0.01, flip="wait"),
    "Rprop(lr=0.1, etas=(0.3, 1.3))": fl.Rprop(0.1, 1.3, 0.3, flip="wait"),
    "RMSprop(lr=0.01)": fl.RMSProp(0.01, 0.99),
    "RMSprop(lr=0.01, alpha=0.9, momentum=0.9)": fl.RMSProp(0.01, 0.9, 0.9, rate_place="outside"),
    "RMSprop(lr=0.01, centered=True)": fl.RMSProp(0.01, 0.99, centred=True),
    "RMSprop(lr=0.01, centered=True, momentum=0.5)": fl.RMSProp(0.01, 0.99, 0.5, centred=True, rate_place="outside"),
    "Adam(lr=0.1)": fl.Adam(0.1),
    "Adam(lr=0.1, betas=(0.5, 0.9), eps=1e-2)": fl.Adam(0.1, 0.5, 0.9, 1e-2),
    "Adam(lr=0.1, betas=(0.9, 0.9), amsgrad=True)": fl.Adam(0.1, 0.9, 0.9, amsgrad="raw"),
    "AdamW(lr=0.1, weight_decay=0.1)": fl.AdamW(0.1, weight_decay=0.1, decayed="all"),
    "NAdam(lr=0.1)": fl.Nadam(0.1, average="beta1"),
    "NAdam(lr=0.1, momentum_decay=1.0)": fl.Nadam(0.1, warming=1.0, average="beta1"),
}

OPTAX = {
    "sgd(0.01)": (fl.SGD(0.01), lambda a: optax.sgd(a)),
    "sgd(0.01, 0.9)": (fl.Momentum(0.01, 0.9, rate_place="outside"), lambda a: optax.sgd(a, 0.9)),
    "sgd(0.01, 0.9, nesterov=True)": (
        fl.Nesterov(0.01, 0.9, rate_place="outside"),
        lambda a: optax.sgd(a, 0.9, nesterov=True),
    ),
    "chain(ema(0.9, debias=False), scale(-0.1))": (
        fl.AveragedMomentum(0.1),
        lambda a: optax.chain(optax.ema(0.9, debias=False), optax.scale_by_learning_rate(a)),
    ),
    "chain(ema(0.9), scale(-0.1))": (
        fl.AveragedMomentum(0.1, corrected=True),
        lambda a: optax.chain(optax.ema(0.9), optax.scale_by_learning_rate(a)),
    ),
    "adagrad(0.1)": (fl.AdaGrad(0.1, 1e-7, 0.1, epsilon_place="inside"), lambda a: optax.adagrad(a)),
    "adadelta(1.0)": (fl.Adadelta(1.0, 0.9), lambda a: optax.adadelta(a)),
    "rmsprop(0.01)": (fl.RMSProp(0.01, epsilon_place="inside"), lambda a: optax.rmsprop(a)),
    "rmsprop(0.01, momentum=0.9)": (
        fl.RMSProp(0.01, momentum=0.9, epsilon_place="inside"),
        lambda a: optax.rmsprop(a, momentum=0.9),
    ),
    "rmsprop(0.01, eps_in_sqrt=False, bias_correction=True)": (
        fl.RMSProp(0.01, corrected=True),
        lambda a: optax.rmsprop(a, eps_in_sqrt=False, bias_correction=True),
    ),
    "rmsprop(0.01, centered=True)": (
        fl.RMSProp(0.01, centred=True, epsilon_place="inside"),
        lambda a: optax.rmsprop(a, centered=True),
    ),
    "adam(0.1)": (fl.Adam(0.1), lambda a: optax.adam(a)),
    "adam(0.1, eps=0, eps_root=1e-3)": (
        fl.Adam(0.1, epsilon=1e-3, epsilon_place="inside"),
        lambda a: optax.adam(a, eps=0, eps_root=1e-3),
    ),
    "amsgrad(0.1, 0.9, 0.9)": (fl.Adam(0.1, 0.9, 0.9, amsgrad="corrected"), lambda a: optax.amsgrad(a, 0.9, 0.9)),
    "adamw(0.1, weight_decay=0.1)": (
        fl.AdamW(0.1, weight_decay=0.1, decayed="all"),
        lambda a: optax.adamw(a, weight_decay=0.1),
    ),
    "nadam(0.1)": (fl.Nadam(0.1, warming=None), lambda a: optax.nadam(a)),
}


KERAS = {
    "SGD(0.01)": fl.SGD(0.01),
    "SGD(0.01, momentum=0.9)": fl.Momentum(0.01, 0.9),
    "SGD(0.01, momentum=0.9, nesterov=True)": fl.Nesterov(0.01, 0.9),
    "Adagrad(0.1)": fl.AdaGrad(0.1, 1e-7, 0.1, epsilon_place="inside"),
    "Adadelta(1.0)": fl.Adadelta(1.0, 0.95, 1e-7),
    "RMSprop(0.01)": fl.RMSProp(0.01, epsilon=1e-7, epsilon_place="inside"),
    "RMSprop(0.01, momentum=0.9)": fl.RMSProp(0.01, momentum=0.9, epsilon=1e-7, epsilon_place="inside"),
    "RMSprop(0.01, centered=True)": fl.RMSProp(0.01, epsilon=1e-7, epsilon_place="inside", centred=True),
    "Adam(0.1)": fl.Adam(0.1, epsilon=1e-7, epsilon_place="hat"),
    "Adam(0.1, amsgrad=True)": fl.Adam(0.1, epsilon=1e-7, epsilon_place="hat", amsgrad="raw"),
    "AdamW(0.1, weight_decay=0.1)": fl.AdamW(0.1, epsilon=1e-7, epsilon_place="hat", weight_decay=0.1, decayed="all"),
    "Nadam(0.1)": fl.Nadam(0.1, epsilon=1e-7, warming=1.0, average="beta1"),
}
CASES = [
    *(("PyTorch", label, ours) for label, ours in PYTORCH.items()),
    *(("Keras", label, ours) for label, ours in KERAS.items()),
    *(("Optax", label, ours) for label, (ours, _) in OPTAX.items()),
]


def falling(hill, rule):
    """The rule with its learning rate as a table; a rule without one stays."""
    if isinstance(rule, fl.Rprop):  # there it is the first step only
        return rule
    path = "rule.learning_rate" if isinstance(rule, WeightDecay) else "learning_rate"
    a = rule.learning_rate
    return replace(rule, {path: Milestones(((0, a), (hill.fall_at, hill.fall * a)), unit="step")})


def theirs(hill, library, label, a):
    """(step numbers, params) of the other library."""
    if library != "Optax":
        return hill.recorded(library, label)
    make = OPTAX[label][1]
    return np.arange(1, 51), hill.walk(make(lambda step: jnp.where(step < hill.fall_at, a, hill.fall * a)))


@pytest.fixture(scope="session")
def compared(hill):
    """The number of a case -> (our params, theirs), walked once."""

    @functools.cache
    def walked(index):
        library, label, rule = CASES[index]
        steps, expected = theirs(hill, library, label, rule.learning_rate)
        return hill.walk(as_arrays(falling(hill, rule), np.float64))[steps - 1], expected

    return walked


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{library}-{label}" for library, label, _ in CASES])
def test_these_settings_are_theirs(index, compared, float64):
    ours, expected = compared(index)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-10)


def test_every_recorded_trajectory_is_compared(hill):
    assert set(hill.labels["PyTorch"]) == set(PYTORCH)
    assert set(hill.labels["Keras"]) == set(KERAS)


def test_the_rate_inside_the_velocity_is_not_the_rate_outside(hill, float64):
    """The comparison can tell conventions apart: the other place is off by more than a thousandth."""
    inside = hill.walk(as_arrays(falling(hill, fl.Momentum(0.01, 0.9)), np.float64))[-1]
    outside = hill.walk(as_arrays(falling(hill, fl.Momentum(0.01, 0.9, rate_place="outside")), np.float64))[-1]
    assert np.max(np.abs(inside - outside)) > 1e-3


def test_optax_rprop_is_ours_one_step_late(float64):
    """Why the table has no row for it: Optax 0.2.8 applies the step that it computed at the gradient before."""
    ours, late = as_arrays(fl.Rprop(0.1, flip="wait"), np.float64), optax.rprop(0.1)
    w = jnp.zeros(2)
    state, other = ours.init(w), late.init(w)
    before = None
    for g in ([1.0, -3.0], [2.0, -1.0], [0.5, -7.0]):
        delta, state = ours.update(jnp.array(g), state, w)
        step, other = late.update(jnp.array(g), other, w)
        np.testing.assert_allclose(step, np.zeros(2) if before is None else before, rtol=1e-12)
        before = delta


def settings(rule):
    """The rule as one would type it, without the defaults."""
    default = type(rule)()
    differ = [name for name in declared_fields(type(rule)) if getattr(rule, name) != getattr(default, name)]
    inner = [f"{n}={settings(v) if hasattr(v := getattr(rule, n), 'family') else repr(v)}" for n in differ]
    return f"{type(rule).__name__}({', '.join(inner)})"


BEGIN, END = "<!-- written by tests/optimizers/test_conventions.py -->\n", "<!-- until here -->\n"


def test_the_table_in_the_docs_is_what_was_compared(compared, float64):
    """The same comparisons as a document."""
    rows = ["| library | theirs | ours |\n", "|---|---|---|\n"]
    for index, (library, label, rule) in enumerate(CASES):
        ours, expected = compared(index)
        np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-10)
        rows.append(f"| {library} | `{label}` | `{settings(rule)}` |\n")
    page = Path(__file__).parents[2] / "docs" / "rules.md"
    before, _, rest = page.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    if os.environ.get("WRITE_TABLE"):
        page.write_text("".join([before, BEGIN, *rows, END, after]))
    else:
        assert table == "".join(rows)
