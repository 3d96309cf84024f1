import numpy as np
import pytest

from fallline.data.table import Table
from fallline.distributions import Choice, LogUniform, Uniform
from fallline.models import MLP
from fallline.optimizers import SGD, Adam
from fallline.searching.sensitivity import sensitivity
from fallline.searching.study import Study
from fallline.searching.trial import Trial
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe

SPACE = Space(
    Recipe(
        encoding=None,
        model=MLP(dropout=Uniform(0, 0.5)),
        optimizer=Adam(LogUniform(1e-5, 1e-1)),
        batch_size=Choice((32, 64)),
    )
)
TABLE = Table.from_arrays(np.eye(10, dtype=np.float32), [0, 1] * 5)


def study(score, count: int = 64, space: Space = SPACE) -> Study:
    points = space.snap(np.random.default_rng(0).random((count, len(space))))
    trials = tuple(
        Trial(i, p, space.values(p), "finished", float(score(p)), 0.01, 3.0, 3, 0.1, {}) for i, p in enumerate(points)
    )
    return Study(space, TABLE, trials, 0, 1.0, False)


def test_the_range_of_one_per_cent_is_that_of_the_function():
    # 0.1 exp(4 (u - 0.4)^2): 1 % is lost where (u - 0.4)^2 = (u_best - 0.4)^2 + ln(1.01) / 4. Dropout changes nothing.
    rate = SPACE.names.index("optimizer.learning_rate")
    batch = SPACE.names.index("batch_size")
    found = {
        each.name: each
        for each in sensitivity(study(lambda p: 0.1 * np.exp(4 * (p[rate] - 0.4) ** 2 + 0.2 * (p[batch] > 0.5))))
    }
    best = np.log(found["optimizer.learning_rate"].best / 1e-5) / np.log(1e4)
    reach = np.sqrt((best - 0.4) ** 2 + np.log(1.01) / 4)
    for value, u in zip(found["optimizer.learning_rate"].likely, (0.4 - reach, 0.4 + reach), strict=True):
        assert np.log(value / 1e-5) / np.log(1e4) == pytest.approx(u, abs=0.025)
    assert found["model.dropout"].whole
    assert found["model.dropout"].likely == (0.0, 0.5)
    ((option, chance),) = found["batch_size"].options
    assert option == "64"
    assert chance < 0.01


def test_fewer_and_noisier_trials_make_it_less_sure():
    rate = SPACE.names.index("optimizer.learning_rate")
    noise = np.random.default_rng(1)

    def width(count: int, spread: float) -> float:
        told = sensitivity(study(lambda p: 1 + 9 * (p[rate] - 0.4) ** 2 + spread * noise.normal(), count))
        (card,) = [each for each in told if each.name == "optimizer.learning_rate"]
        (a, b), (c, d) = card.likely, card.sure
        assert a <= c <= card.best <= d <= b
        return np.log(d / c) / np.log(b / a)

    assert width(100, 1e-4) > 0.7
    assert width(24, 0.3) < width(100, 1e-4)


def test_what_does_not_belong_to_the_best_trial_is_left_out():
    space = Space(Recipe(optimizer=Choice((Adam(LogUniform(1e-4, 1e-2)), SGD(LogUniform(1e-3, 1.0))))))
    told = sensitivity(study(lambda p: 1.0 + (p[0] > 0.5) + (p[1] - 0.5) ** 2, 60, space))
    assert [each.name for each in told] == ["optimizer[adam].learning_rate"]
    assert sensitivity(study(lambda p: 1.0, 15)) == []
    assert sensitivity(study(lambda p: np.inf, 40)) == []
    assert sensitivity(study(lambda p: 0.5, 40)) == []
