import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.schedule import Time
from fallline.schedules import Constant, Cosine


def at(schedule, progress):
    return float(schedule(Time(jnp.float32(0), jnp.float32(0), jnp.float32(progress))))


# Worked by hand: (1 + cos(pi r)) / 2 at r = 0, 1/3, 1/2, 2/3, 1 is 1, 3/4, 1/2, 1/4, 0.
@pytest.mark.parametrize(
    ("schedule", "progress", "value"),
    [
        (Constant(0.3), 0.0, 0.3),
        (Constant(-2.0), 1.0, -2.0),
        (Cosine(1.0), 0.0, 1.0),
        (Cosine(1.0), 1 / 3, 0.75),
        (Cosine(1.0), 0.5, 0.5),
        (Cosine(1.0), 2 / 3, 0.25),
        (Cosine(1.0), 1.0, 0.0),
        (Cosine(4.0, floor=2.0), 0.5, 3.0),
        (Cosine(4.0, floor=2.0), 1.0, 2.0),
        (Cosine(1.0, floor=3.0), 1.0, 3.0),
        (Cosine(8.0, warmup=0.2), 0.0, 0.0),
        (Cosine(8.0, warmup=0.2), 0.05, 2.0),
        (Cosine(8.0, warmup=0.2), 0.1, 4.0),
        (Cosine(8.0, warmup=0.2), 0.2, 8.0),
        (Cosine(8.0, warmup=0.2), 0.6, 4.0),
        (Cosine(8.0, warmup=0.2), 1.0, 0.0),
        (Cosine(8.0, warmup=0.999), 0.4995, 4.0),
        (Cosine(1.0), 1.5, 0.0),
        (Cosine(1.0, floor=0.5), 2.0, 0.5),
        (Cosine(0.0), 0.3, 0.0),
    ],
)
def test_values_worked_by_hand(schedule, progress, value):
    assert at(schedule, progress) == pytest.approx(value, abs=2e-6)


def test_the_cosine_is_continuous_where_the_rise_ends_and_falls_ever_after(equal_ranks):
    schedule = Cosine(1.0, warmup=0.25, floor=0.1)
    progress = np.linspace(0, 1, 401, dtype=np.float32)
    values = np.asarray(jax.vmap(lambda p: schedule(Time(p, p, p)))(jnp.asarray(progress)))
    assert abs(np.diff(values)).max() < 0.0101
    assert (np.diff(values)[:99] > 0).all()
    assert (np.diff(values)[100:] <= 1e-7).all()
    assert values.max() == pytest.approx(1.0, abs=1e-6)


def test_values_keep_the_dtype_of_time(float64):
    time = Time(*map(jnp.float64, (0, 0, 1 / 3)))
    assert Cosine(1.0)(time).dtype == Constant(1.0)(time).dtype == jnp.float64
    assert float(Cosine(1.0)(time)) == pytest.approx(0.75, rel=1e-12)
