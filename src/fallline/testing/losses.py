"""The contract of losses: one number per example, gradients, a minimum at the target, answers as probabilities."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fallline.core.errors import FalllineError
from fallline.core.tree import Tree
from fallline.losses import Loss
from fallline.optimizers import Rprop
from fallline.scalers import Unscaled
from fallline.testing.base import demand, of
from fallline.testing.compare import close, draw, finite, in_both_precisions, quick, right_gradient, same_bits
from fallline.testing.scalers import APPLY, FIT

ROWS = 6
COUNTS = {"classification": (2, 4), "multilabel": (3,), "regression": (1, 2)}  # classes, labels, targets
STEPS = 150


class LossCase(NamedTuple):
    """One kind of target: predictions, targets as the loss sees them, and the scaler between them and the data."""

    task: str
    classes: int  # or labels, or targets
    z: np.ndarray
    y: np.ndarray
    scaler: Any
    stats: Any


def cases(loss: Loss, dtype: str = "float32") -> list[LossCase]:
    """A case for every task of the loss, with a few numbers of classes, labels or targets."""
    found = []
    with jax.enable_x64(dtype == "float64"), jax.ensure_compile_time_eval():
        for task in loss.tasks:
            for count in COUNTS[task]:
                try:
                    z = draw(count, ROWS, loss.outputs(count, task)).astype(dtype)
                except FalllineError:  # the loss may be for two classes only, for example
                    continue
                found.append(LossCase(task, count, z, *_target(loss, task, count, dtype)))
    return found


def _target(loss: Loss, task: str, count: int, dtype: str) -> tuple[np.ndarray, Any, Any]:
    random = np.random.default_rng(count + 10)
    if task == "classification":
        return random.integers(0, count, ROWS).astype(np.int32), None, None
    if task == "multilabel":
        return random.integers(0, 2, (ROWS, count)).astype(np.int32), None, None
    y = np.maximum(2 * random.normal(size=(ROWS, count)), loss.least_target).astype(dtype)
    scaler = loss.target_scaler(Unscaled())
    stats = FIT(scaler, y, np.ones(ROWS, dtype))
    return np.asarray(APPLY(scaler, stats, y)), scaler, stats


def answer(loss: Loss, case: LossCase, z: Array) -> Any:
    """The probabilities, or the predicted targets in their own unit."""
    mean = loss.mean(z)
    return mean if case.scaler is None else case.scaler.invert(case.stats, mean)


@of("loss")
def tasks(loss: Loss) -> None:
    """The tasks that it is for are declared and known."""
    known = set(loss.tasks) <= set(COUNTS) and len(loss.tasks) > 0
    demand(known, f"tasks = {loss.tasks!r}, expected some of {tuple(COUNTS)}")


@of("loss")
def dtypes(loss: Loss) -> None:
    """One loss per example, in the predictions' dtype; an answer per class, label or target; `evaluation_loss` alike."""

    def both(dtype: str) -> tuple[Any, Any]:
        found, expected = [], []
        for case in cases(loss, dtype):
            for each in (loss, loss.evaluation_loss):
                found.append(jax.eval_shape(lambda z, y, f=each: f(z, y), case.z, case.y))
                expected.append(jax.ShapeDtypeStruct((ROWS,), jnp.dtype(dtype)))
            found.append(jax.eval_shape(lambda z, case=case: answer(loss, case, z), case.z))
            expected.append(jax.ShapeDtypeStruct((ROWS, case.classes), jnp.dtype(dtype)))
        return found, expected

    in_both_precisions(both, "losses and answers")


@of("loss")
def per_example(loss: Loss) -> None:
    """An example's loss depends on its own prediction and target alone."""
    for case in cases(loss):
        value = jax.jit(loss.__call__)
        each = value(case.z, case.y)
        same_bits(
            value(case.z[::-1].copy(), case.y[::-1].copy())[::-1], each, f"examples in another order ({case.task})"
        )
        z, y = case.z.copy(), case.y.copy()
        z[1:], y[1:] = 5.0, y[:1]
        same_bits(value(z, y)[0], each[0], f"an example beside others ({case.task})")


@of("loss")
def gradient(loss: Loss) -> None:
    """The gradient is that of the values."""
    for case in cases(loss, "float64"):
        right_gradient(partial(_by_prediction, loss, case.y), 2 * case.z, f"the gradient ({case.task})")


def _by_prediction(loss: Loss, y: np.ndarray, z: Array) -> Any:
    return loss(z, jnp.asarray(y))


@of("loss")
def far(loss: Loss) -> None:
    """Predictions as large as declared (`largest`) give finite losses and gradients in float32."""
    for case in cases(loss):
        value = quick(jax.value_and_grad(lambda z, y=case.y: jnp.sum(loss(z, y))))
        for size in (loss.largest, -loss.largest):
            z = np.where(np.arange(case.z.shape[1]) % 2 == 0, size, -size) * np.ones_like(case.z)
            both = value(z.astype(np.float32))
            finite(both, f"a loss or gradient at predictions of {loss.largest:g} ({case.task})")


@of("loss")
def minimum(loss: Loss) -> None:
    """Descending on the predictions ends where the answer is the target."""
    for case in cases(loss):
        found = np.asarray(quick(partial(_descend, loss, case))())
        if case.task == "classification":
            same_bits(found.argmax(axis=1), case.y, "the class of the best prediction")
        elif case.task == "multilabel":
            same_bits(found > 0.5, case.y == 1, "the labels of the best prediction")
        else:
            found = case.scaler.apply(case.stats, jnp.asarray(found))
            close(found, case.y, "the best prediction, as the loss sees targets", rtol=2e-3, atol=2e-3)


def _descend(loss: Loss, case: LossCase) -> Any:
    """The answer for the predictions at which a descent on their losses ends."""
    rule, slope = Rprop(flip="wait"), jax.grad(lambda z: jnp.sum(loss(z, case.y)))

    def step(carry: Tree, _: None) -> tuple[Any, None]:
        delta, state = rule.update(slope(carry[0]), carry[1])
        return (jnp.clip(carry[0] + delta, -50.0, 50.0), state), None

    z = jnp.zeros_like(case.z)
    (z, _), _ = jax.lax.scan(step, (z, rule.init(z)), None, STEPS)
    return answer(loss, case, z)


@of("loss", concerns=lambda loss: set(loss.tasks) != {"regression"})
def probabilities(loss: Loss) -> None:
    """Answers lie in [0, 1]; those of classes sum to 1."""
    for case in cases(loss):
        if case.task != "regression":
            p = np.asarray(loss.mean(jnp.asarray(case.z * 20)), np.float64)
            demand((p >= 0).all() and (p <= 1).all(), f"an answer is {p.min():.6g} or {p.max():.6g} ({case.task})")
            if case.task == "classification":
                close(p.sum(axis=1), np.ones(ROWS), "the sum over classes", atol=1e-5)


@of(
    "loss",
    concerns=lambda loss: (
        type(loss).mean is Loss.mean or type(loss).inverse is not Loss.inverse or type(loss).blend is not Loss.blend
    ),
)
def blended(loss: Loss) -> None:
    """The outputs blended from several networks encode the weighted mean of their answers."""
    weights = np.array([0.5, 0.3, 0.2], np.float32)
    for case in cases(loss):
        z = np.stack([case.z, 2.0 * case.z[::-1], case.z + 1.0])
        found = quick(lambda z, w: loss.mean(loss.blend(z, w)))(z, weights)
        means = quick(lambda z: jax.vmap(loss.mean)(z))(z)
        close(found, np.tensordot(weights, np.asarray(means), 1), f"the blended answer ({case.task})", 1e-4, 1e-5)


def example(loss: Loss) -> Any:
    """A loss's values and answers for some predictions."""
    return [(loss(case.z, case.y), loss.mean(case.z)) for case in cases(loss)]
