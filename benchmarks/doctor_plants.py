"""Faults planted into recipes and data, one function each, with the findings that name them."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erfinv

import fallline as fl
from fallline.activations import Activation
from fallline.initializers import Filled, Initializer, SmallNormal
from fallline.schedules import Step


class Copies(Initializer):
    """Every unit begins with the weights of the first; written for a fault."""

    breaks_symmetry: ClassVar[bool] = True

    def __call__(self, key: Any, shape: Any, fans: Any = None, dtype: Any = jnp.float32) -> Any:
        column = jax.random.normal(jax.random.key(0), (shape[0], 1)) / np.sqrt(shape[0])
        return jnp.broadcast_to(column, shape).astype(dtype)


@jax.custom_vjp
def _bent(x: Any) -> Any:
    return jnp.tanh(x)


_bent.defvjp(lambda x: (jnp.tanh(x), x), lambda x, dy: (-0.3 * dy * jnp.ones_like(x),))


class Bent(Activation):
    """Tanh with the derivative of something else."""

    def __call__(self, x: Any) -> Any:
        return _bent(x)


class LogOfOutput(fl.losses.Loss):
    """A loss that is the logarithm of an output which may be negative."""

    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression")

    def __call__(self, prediction: Any, target: Any) -> Any:
        return jnp.mean(jnp.log(prediction) ** 2, axis=-1)


@dataclasses.dataclass(frozen=True)
class Base:
    """Rows to plant a fault in: float features, class indices or numbers."""

    name: str
    x: np.ndarray
    y: np.ndarray
    task: str
    seed: int = 0

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, len(self.x)])

    def table(self, x: Any = None, y: Any = None, **more: Any) -> fl.Table:
        return fl.Table.from_arrays(
            self.x if x is None else x,
            self.y if y is None else y,
            **{"task": self.task, "seed": self.seed, "valid": 0.2, **more},
        )

    @property
    def z(self) -> np.ndarray:
        """Standardised columns."""
        return (self.x - self.x.mean(axis=0)) / np.where(self.x.std(axis=0) > 0, self.x.std(axis=0), 1)

    @property
    def number(self) -> np.ndarray:
        """A number that the columns determine, with some noise."""
        w = self.rng.normal(size=self.x.shape[1])
        found = np.tanh(self.z @ w / np.sqrt(len(w))) + 0.2 * self.z @ np.roll(w, 1) / np.sqrt(len(w))
        return found / found.std() + 0.1 * self.rng.normal(size=len(found))


def recipe(**fields: Any) -> fl.Recipe:
    """The recipe that faults are planted in: healthy, quick, and without encodings, whose inputs hide some faults."""
    usual = {
        "encoding": None,
        "model": fl.MLP(hidden=(32, 16), dropout=0.1),
        "optimizer": fl.Adam(fl.Cosine(1e-2, warmup=0.05)),
        "epochs": 40,
        "batch_size": 32,
        "patience": None,
    }
    return fl.Recipe(**{**usual, **fields})


@dataclasses.dataclass(frozen=True)
class Plant:
    """A fault: how it is planted, for which task, and the findings that name it or an equivalent cause."""

    make: Callable[[Base], tuple[fl.Recipe, fl.Table]]
    names: tuple[str, ...]
    task: str = ""


PLANTS: dict[str, Plant] = {}


def plant(*names: str, task: str = "") -> Callable[[Any], Any]:
    def keep(make: Any) -> Any:
        PLANTS[make.__name__] = Plant(make, names, task)
        return make

    return keep


@plant("rate_diverges", "non_finite")
def rate_diverges(b: Base) -> Any:
    return recipe(optimizer=fl.SGD(float(10.0 ** b.rng.uniform(20, 30)))), b.table()


@plant("rate_jumps", "rate_diverges", "rate_oscillates")
def rate_jumps(b: Base) -> Any:
    return recipe(optimizer=fl.Adam(float(b.rng.uniform(3.0, 20.0))), epochs=20), b.table()


@plant("rate_oscillates", "rate_jumps")
def rate_oscillates(b: Base) -> Any:
    score = b.number + 1.5 * b.rng.normal(size=len(b.x))
    table = b.table(y=(score > 0).astype(int), task="classification")
    return recipe(optimizer=fl.Adam(float(b.rng.uniform(0.2, 0.6))), epochs=30), table


@plant("rate_low")
def rate_low(b: Base) -> Any:
    return recipe(optimizer=fl.Adam(float(10.0 ** b.rng.uniform(-7, -5.3)))), b.table()


@plant("schedule_ended", "rate_low")
def schedule_ended(b: Base) -> Any:
    return recipe(optimizer=fl.Adam(Step(1e-3, factor=0.05, every=2, unit="epoch"))), b.table()


@plant("vanishing")
def vanishing(b: Base) -> Any:
    depth = int(b.rng.integers(8, 11))
    return recipe(model=fl.MLP(hidden=(16,) * depth, activation=fl.Sigmoid()), epochs=20), b.table()


@plant("exploding", "mis_scaled_weights", "rate_diverges", "rate_jumps")
def exploding(b: Base) -> Any:
    model = fl.MLP(hidden=(24,) * 7, initializer=SmallNormal(float(b.rng.uniform(0.8, 1.5))))
    return recipe(model=model, optimizer=fl.SGD(0.1), epochs=15), b.table()


@plant("dead_at_start")
def dead_at_start(b: Base) -> Any:
    layers = (fl.Dense(32, bias_initializer=Filled(-8.0)), fl.ReLU(), fl.Dense(16), fl.ReLU())
    return recipe(model=fl.Network(layers), epochs=15), b.table()


@plant("dying", "rate_jumps", "rate_oscillates")
def dying(b: Base) -> Any:
    return recipe(
        model=fl.MLP(hidden=(32, 16, 16)), optimizer=fl.Adam(float(b.rng.uniform(0.5, 1.5))), epochs=25
    ), b.table()


@plant("saturated", "mis_scaled_weights", "unscaled_inputs")
def saturated(b: Base) -> Any:
    return recipe(model=fl.MLP(hidden=(32, 16), activation=fl.Tanh()), scaler=fl.Unscaled()), b.table(b.z * 200)


@plant("symmetric_weights")
def symmetric_weights(b: Base) -> Any:
    return recipe(model=fl.MLP(hidden=(32, 16), initializer=Copies())), b.table()


@plant("mis_scaled_weights")
def mis_scaled_weights(b: Base) -> Any:
    return recipe(model=fl.MLP(hidden=(32, 16), initializer=SmallNormal(float(b.rng.uniform(4, 9))))), b.table()


@plant("unscaled_inputs", "dominating_input")
def unscaled_inputs(b: Base) -> Any:
    return recipe(scaler=fl.Unscaled()), b.table(b.z * 10.0 ** b.rng.uniform(1, 4, b.x.shape[1]) + 100)


@plant("dominating_input", "unscaled_inputs")
def dominating_input(b: Base) -> Any:
    factors = np.ones(b.x.shape[1])
    factors[b.rng.integers(len(factors))] = 500.0
    return recipe(scaler=fl.Unscaled()), b.table(b.z * factors)


@plant("target_outliers", task="regression")
def target_outliers(b: Base) -> Any:
    y = b.number
    y[b.rng.choice(len(y), max(3, len(y) // 150), replace=False)] *= 300.0
    return recipe(), b.table(y=y, task="regression")


@plant("heavy_tail", "target_outliers", task="regression")
def heavy_tail(b: Base) -> Any:
    rank = np.argsort(np.argsort(b.number)) + 0.5
    return recipe(), b.table(y=np.exp(2.0 * erfinv(2.0 * rank / len(rank) - 1.0) * np.sqrt(2.0)), task="regression")


@plant("overfits", "miscalibrated", "label_noise")
def overfits(b: Base) -> Any:
    rng, y = b.rng, b.y.copy()
    flipped = rng.random(len(y)) < 0.2
    y[flipped] = rng.permutation(y)[flipped]
    model = fl.MLP(hidden=(128, 128))
    return recipe(model=model, penalty=None, keep="last", optimizer=fl.Adam(3e-3), epochs=80), b.table(y=y)


@plant("underfits")
def underfits(b: Base) -> Any:
    away = b.z[:, 0] ** 2 + b.z[:, 1] ** 2  # the classes are a disc and a ring, which one unit cannot tell apart
    return recipe(model=fl.MLP(hidden=(1,)), epochs=80), b.table(
        y=(away > np.median(away)).astype(int), task="classification"
    )


@plant("penalty_strong")
def penalty_strong(b: Base) -> Any:
    return recipe(penalty=fl.L2(float(b.rng.uniform(0.5, 3.0)))), b.table()


@plant("dropout_strong")
def dropout_strong(b: Base) -> Any:
    return recipe(model=fl.MLP(hidden=(16, 16, 16), dropout=float(b.rng.uniform(0.9, 0.97)))), b.table()


@plant("layer_misplaced")
def layer_misplaced(b: Base) -> Any:
    layers = (
        fl.Dense(32),
        fl.Dropout(0.5),
        fl.BatchNorm(),
        fl.ReLU(),
        fl.Dense(16),
        fl.Dropout(0.5),
        fl.BatchNorm(),
        fl.ReLU(),
    )
    return recipe(model=fl.Network(layers)), b.table()


@plant("norm_batch_small")
def norm_batch_small(b: Base) -> Any:
    return recipe(
        model=fl.MLP(hidden=(32, 16), batch_norm=True), batch_size=int(b.rng.integers(2, 5)), epochs=15
    ), b.table()


@plant("noisy_batch", "rate_oscillates", "rate_jumps")
def noisy_batch(b: Base) -> Any:
    score = b.number + 1.5 * b.rng.normal(size=len(b.x))
    y = (score > 0).astype(int)
    return recipe(batch_size=1, optimizer=fl.SGD(0.1), epochs=15), b.table(y=y, task="classification")


@plant("few_steps", "stopped_early")
def few_steps(b: Base) -> Any:
    return recipe(batch_size="all", epochs=12, optimizer=fl.SGD(0.01)), b.table()


@plant("imbalance", "never_predicted", task="classification")
def imbalance(b: Base) -> Any:
    score = b.number + 2.0 * b.rng.normal(size=len(b.x))
    return recipe(), b.table(y=(score > np.quantile(score, 0.93)).astype(int), task="classification")


@plant("label_noise", task="classification")
def label_noise(b: Base) -> Any:
    rng, y = b.rng, b.y.copy()
    flipped = np.flatnonzero(rng.random(len(y)) < 0.25)
    y[flipped] = (y[flipped] + rng.integers(1, y.max() + 1, len(flipped))) % (y.max() + 1)
    return recipe(penalty=fl.L2(1e-3)), b.table(y=y, valid=0.25, test=0.25)


@plant("leak", task="classification")
def leak(b: Base) -> Any:
    order = np.argsort(b.y, kind="stable")  # rows sorted by the target, with a column that counts them
    return recipe(), b.table(np.column_stack([b.x[order], np.arange(len(b.x))]), b.y[order])


@plant("leak", task="regression")
def leak_of_number(b: Base) -> Any:
    y = b.number
    return recipe(), b.table(np.column_stack([b.x, 3.0 * y + 0.02 * b.rng.normal(size=len(y))]), y, task="regression")


@plant("twins")
def twins(b: Base) -> Any:
    rows = np.concatenate([np.arange(len(b.x)), b.rng.choice(len(b.x), len(b.x) // 2)])
    x = b.x + 1e-3 * b.z * b.rng.normal(size=b.x.shape)
    return recipe(), b.table(x[rows], b.y[rows])


@plant("drift")
def drift(b: Base) -> Any:
    cut = int(0.75 * len(b.x))
    order = b.rng.permutation(len(b.x))
    x = b.z[order]
    x[cut:, :2] += 1.5
    return recipe(), b.table(x[:cut], b.y[order][:cut], test_data=(x[cut:], b.y[order][cut:]))


@plant("validation_small")
def validation_small(b: Base) -> Any:
    return recipe(), b.table(valid=max(12, int(0.05 * len(b.x))) / len(b.x))


@plant("as_numbers", task="classification")
def as_numbers(b: Base) -> Any:
    codes = b.rng.permutation(int(b.y.max()) + 1)
    return recipe(), b.table(y=codes[b.y].astype(float), task="regression")


@plant("count_target", task="regression")
def count_target(b: Base) -> Any:
    return recipe(), b.table(y=b.rng.poisson(np.exp(1.0 + 0.7 * b.number)).astype(float), task="regression")


@plant("bounded_target", task="regression")
def bounded_target(b: Base) -> Any:
    return recipe(), b.table(y=np.clip(0.5 + 0.5 * b.number, 0.0, 1.0), task="regression")


@plant("worse_than_baseline", "overfits")
def worse_than_baseline(b: Base) -> Any:
    return recipe(model=fl.MLP(hidden=(64, 64)), penalty=None, keep="last"), b.table(y=b.rng.permutation(b.y))


@plant("stopped_early", "few_steps", "rate_low")
def stopped_early(b: Base) -> Any:
    return recipe(optimizer=fl.Adam(3e-4), epochs=12), b.table()


@plant("first_loss", "mis_scaled_weights")
def first_loss(b: Base) -> Any:
    model = fl.MLP(hidden=(32, 16), output_initializer=SmallNormal(float(b.rng.uniform(3, 8))))
    return recipe(model=model), b.table()


@plant("non_finite")
def non_finite(b: Base) -> Any:
    return recipe(loss=LogOfOutput(), epochs=5), b.table()


@plant("wrong_gradient")
def wrong_gradient(b: Base) -> Any:
    return recipe(model=fl.MLP(hidden=(16, 16), activation=Bent()), epochs=10), b.table()


@plant("miscalibrated", task="classification")
def miscalibrated(b: Base) -> Any:
    y = (b.number > 0).astype(int)
    loss = fl.SoftmaxCrossEntropy(smoothing=0.7)
    return recipe(loss=loss), b.table(y=y, task="classification", valid=0.25, test=0.25)


@plant("never_predicted", "imbalance", task="classification")
def never_predicted(b: Base) -> Any:
    y = (b.number > 0).astype(int)
    y[b.rng.random(len(y)) < 0.05] = 2  # rows that nothing tells apart from the others
    return recipe(), b.table(y=y, task="classification", valid=0.25, test=0.25)


@plant("segment_missed", "worse_than_baseline", task="classification")
def segment_missed(b: Base) -> Any:
    flag = (b.rng.random(len(b.x)) < 0.2).astype(float)
    y = np.where(flag == 1, 0, b.z[:, 0] > 0).astype(int)
    # The column that says so is too small to be seen, and nothing scales it.
    x = np.column_stack([b.z, 1e-3 * flag])
    made = recipe(model=fl.MLP(hidden=(8,)), penalty=fl.L2(1e-3), scaler=fl.Unscaled())
    return made, b.table(x, y, valid=0.25, test=0.25)
