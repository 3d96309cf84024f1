"""Schedules: by hand, against PyTorch's and Optax's formulas, and one program for all values."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fallline.core.block import as_arrays, family, replace
from fallline.core.errors import FalllineError
from fallline.core.schedule import Time, at_time
from fallline.optimizers import Momentum
from fallline.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    Geometric,
    InversePower,
    InverseSqrt,
    InverseTime,
    Linear,
    Milestone,
    Milestones,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Step,
)
from fallline.testing import checks

EPOCHS, PER_EPOCH = 10, 8


def times():
    """Every step of ten epochs of eight steps, one row a step."""
    step = jnp.arange(EPOCHS * PER_EPOCH, dtype=jnp.result_type(float))
    return Time(step, step / PER_EPOCH, step / (EPOCHS * PER_EPOCH))


def values(schedule):
    return np.asarray(jax.jit(jax.vmap(schedule))(times()))


STEP = np.arange(EPOCHS * PER_EPOCH)
EPOCH, SHARE = STEP / PER_EPOCH, STEP / (EPOCHS * PER_EPOCH)
FORMULAS = [
    (Constant(0.3), 0.3 + 0 * EPOCH),
    (Linear(0.5, 0.99), 0.5 + 0.49 * SHARE),
    (Linear(0.5, 0.99, over=0.25), np.minimum(0.5 + 0.49 * 4 * SHARE, 0.99)),
    (Step(0.4, factor=0.1, every=3), 0.4 * 0.1 ** (EPOCH // 3)),
    (Step(0.4, factor=0.5, every=5, unit="step"), 0.4 * 0.5 ** (STEP // 5)),
    (Exponential(0.4, rate=0.3), 0.4 * np.exp(-0.3 * EPOCH)),
    (Geometric(0.4, decay=0.95), 0.4 * 0.95**EPOCH),
    (Geometric(0.4, decay=0.9, unit="whole_epoch", floor=0.2), np.maximum(0.4 * 0.9 ** np.floor(EPOCH), 0.2)),
    (Geometric(0.4, decay=0.98, unit="step"), 0.4 * 0.98**STEP),
    (InverseTime(0.4, rate=0.5), 0.4 / (1 + 0.5 * EPOCH)),
    (InversePower(0.4, rate=30.0, power=0.7, offset=5.0), 0.4 / (6 + 30 * np.floor(EPOCH)) ** 0.7),
    (InverseSqrt(0.4, unit="whole_epoch"), 0.4 / np.sqrt(1 + np.floor(EPOCH))),
    (InverseSqrt(0.4, floor=0.2), np.maximum(0.4 / np.sqrt(1 + EPOCH), 0.2)),
    (Polynomial(0.4, power=2.0, floor=0.1), 0.1 + 0.3 * (1 - SHARE) ** 2),
    (Milestones(((2, 0.1), (4, 0.01))), np.where(EPOCH < 4, 0.1, 0.01)),
    (Milestones(((2, 0.1), (4, 0.3)), between="line"), np.interp(EPOCH, [2, 4], [0.1, 0.3])),
    (Milestones(((0, 1.0), (0.5, 2.0)), unit="progress"), np.where(SHARE < 0.5, 1.0, 2.0)),
]


@pytest.mark.parametrize(("schedule", "expected"), FORMULAS, ids=[repr(each)[:50] for each, _ in FORMULAS])
def test_formulas(schedule, expected, float64, equal_ranks):
    np.testing.assert_allclose(values(as_arrays(schedule, np.float64)), expected, rtol=1e-12)


def test_optaxs_own(float64):
    n = EPOCHS * PER_EPOCH
    pairs = [
        (Cosine(0.4, floor=0.1), optax.cosine_decay_schedule(0.4, n, alpha=0.25)),
        (Cosine(0.4, warmup=0.2), optax.warmup_cosine_decay_schedule(0.0, 0.4, n // 5, n)),
        (Polynomial(0.4, power=3.0), optax.polynomial_schedule(0.4, 0.0, 3.0, n)),
        (Linear(0.4, 0.1), optax.linear_schedule(0.4, 0.1, n)),
        (Geometric(0.4, decay=0.9), optax.exponential_decay(0.4, PER_EPOCH, 0.9)),
        (
            Step(0.4, factor=0.1, every=4),
            optax.piecewise_constant_schedule(0.4, {4 * PER_EPOCH: 0.1, 8 * PER_EPOCH: 0.1}),
        ),
        (
            CosineRestarts(0.4, cycles=4),
            optax.join_schedules([optax.cosine_decay_schedule(0.4, n // 4)] * 4, [n // 4, n // 2, 3 * n // 4]),
        ),
        (OneCycle(0.4, rise=0.3, start=0.04, end=4e-6), optax.cosine_onecycle_schedule(n, 0.4, 0.3, 25, 1e4)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(
            values(as_arrays(ours, np.float64)), jax.jit(jax.vmap(theirs))(STEP), rtol=1e-6, atol=1e-9
        )


def test_restarts_that_grow_are_the_papers(float64):
    """T_0 = 1 epoch, T_mult = 2, three cycles over 7 epochs, restarted exactly at epochs 1 and 3."""
    schedule = as_arrays(CosineRestarts(1.0, cycles=3, growth=2.0, floor=0.1), np.float64)
    t = np.array([0.0, 0.25, 0.999999, 1.0, 2.0, 2.999999, 3.0, 5.0, 6.999999, 7.0])
    begin, length = np.array([0, 0, 0, 1, 1, 1, 3, 3, 3, 3]), np.array([1, 1, 1, 2, 2, 2, 4, 4, 4, 4])
    expected = 0.1 + 0.45 * (1 + np.cos(np.pi * (t - begin) / length))
    ours = [float(schedule(Time(*map(jnp.asarray, (0.0, each, each / 7))))) for each in t]
    np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_restarts_restart_in_single_precision_as_well():
    for growth in (1.0, 1.5, 2.0, 3.0):
        ours = CosineRestarts(1.0, cycles=4, growth=growth)
        progress = jnp.linspace(0, 1, 4001)
        curve = np.asarray(jax.vmap(lambda p, s=ours: s(Time(p, p, p)))(progress))
        assert (np.diff(curve) > 0.5).sum() == 3
        assert curve.min() >= 0
        assert curve[-1] == pytest.approx(0, abs=1e-6)
    assert not np.isnan(values(CosineRestarts(1.0, cycles=1, warmup=0.1))).any()


def test_one_cycle_can_turn_a_momentum_the_other_way():
    curve = values(OneCycle(0.85, start=0.95 / 0.85, end=0.95 / 0.85, shape="line"))
    assert curve[0] == pytest.approx(0.95)
    assert curve.min() == pytest.approx(0.85, abs=1e-3)
    assert curve[-1] == pytest.approx(0.95, abs=3e-3)


ALL = [cls() for cls in family("schedule").values()]
OF_TIME = [each for each in ALL if not isinstance(each, ReduceOnPlateau)]  # that one sees the loss


ALL = [
    *(cls() for cls in family("schedule").values()),
    Cosine(0.1, warmup=0.1, floor=0.01),
    CosineRestarts(0.4, warmup=0.1, cycles=2, growth=2.0),
    OneCycle(0.1, shape="line"),
    Step(0.5, floor=0.3, every=1, unit="step"),
    Geometric(0.4, decay=0.9, unit="whole_epoch"),
    Milestones(((0, 0.3), (2, 0.9), (5, 0.1)), between="line"),
    Milestones(((0, 0.1), (0.5, 0.2)), unit="progress"),
]
CONTRACT = [(check, schedule) for schedule in ALL for check in checks(schedule)]


@pytest.mark.parametrize(
    ("check", "schedule"), CONTRACT, ids=[f"{check.name}-{type(each).__name__}" for check, each in CONTRACT]
)
def test_contract(check, schedule):
    check(schedule)


@pytest.mark.parametrize("cls", family("schedule").values(), ids=family("schedule"))
def test_documented_with_an_example(cls):
    assert ">>>" in cls.__doc__


BOUNDED = [
    *(cls() for cls in family("schedule").values()),
    Cosine(0.5, warmup=0.3, floor=0.2),
    Linear(0.1, 0.7, over=0.4),
    Step(0.5, floor=0.3, every=1),
    Milestones(((0, 0.3), (2, 0.9), (5, 0.1)), between="line"),
    OneCycle(0.85, start=1.1, end=1.1),
    CosineRestarts(Linear(0.4, 0.6), floor=0.3),
]


@pytest.mark.parametrize("schedule", BOUNDED, ids=[repr(each)[:40] for each in BOUNDED])
def test_its_curve_stays_within_what_it_says_it_comes_to(schedule):
    if isinstance(schedule, ReduceOnPlateau):
        assert schedule.reached() == (schedule.peak, schedule.floor)
        return
    curve = np.array([float(at_time(schedule, Time(*each))) for each in zip(*times(), strict=True)])
    low, high = min(schedule.reached()), max(schedule.reached())
    assert low - 1e-6 <= curve.min()
    assert curve.max() <= high + 1e-6
    assert curve.max() >= 0.5 * high  # and it does come near to the highest


def test_milestones_have_paths_and_can_be_schedules():
    table = replace(Milestones(((0, 0.1), (5, 0.01))), {"milestones.1.value": 0.5, "milestones.1.at": 3})
    assert table.milestones == (Milestone(0.0, 0.1), Milestone(3.0, 0.5))
    half = Time(*map(jnp.float32, (0, 4, 0.5)))
    nested = Milestones(((0, 0.1), (3, Linear(1.0, 0.0))))
    assert float(at_time(Momentum(nested), half).learning_rate) == 0.5
    with pytest.raises(FalllineError, match="increase"):
        Milestones(((5, 0.1), (0, 0.01)))
    with pytest.raises(FalllineError, match="empty"):
        Milestones(())
    with pytest.raises(FalllineError, match="is not a table"):
        Milestones((1, 2))


def test_an_annealed_momentum():
    rule = Momentum(0.1, Linear(0.5, 0.99))
    half = Time(*map(jnp.float32, (0, 0, 0.5)))
    assert float(at_time(rule, half).momentum) == pytest.approx(0.745)
