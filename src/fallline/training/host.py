"""Answers of a trained network by NumPy, without JAX's dispatch and compiler: for predictions of few rows.

The forward functions are the blocks' own. They take the namespace of their input, which is NumPy here, in float64.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.core.block import Block, declared_fields
from fallline.layers import Dense, Layer, LayerCall
from fallline.training.recipe import Recipe
from fallline.training.validation import answering

BLOCK = 256  # rows at a time, so that intermediate values stay in the processor's cache
MOST = 2e9  # multiplications up to which NumPy answers; JAX computes more of them faster, once it has compiled
CLOSE = 1e-3  # difference from JAX's answers, relative to the largest, up to which a block of the user's own agrees
KEPT = 64  # networks that are remembered
_CALL = LayerCall(False)


class Host:
    """A network as NumPy runs it. Its functions are looked up once: a block's methods are slow to look up.

    Arguments:
        recipe: a completed recipe.
        task: classification, multilabel or regression.
        outputs: number of classes, labels or targets.
    """

    def __init__(self, recipe: Recipe, task: str, outputs: int) -> None:
        self.recipe = recipe
        own = answering(recipe)
        assert own.loss is not None
        network = own.network(own.loss.outputs(outputs, task))
        pairs = list(zip(network.names(), network.layers, strict=True))
        self._inputs: Any = own.inputs
        self._steps = [(name, _step(each)) for name, each in pairs]
        self._mean = _bound(own.loss, "mean")
        self._invert = None if own.target_scaler is None else _bound(own.target_scaler, "invert")
        self._prepare = _bound(self._inputs, "apply")
        self._widths: dict[int, int] = {}
        self.dense = [(name, each.width, each.bias) for name, each in pairs if isinstance(each, Dense)]
        self.proven: bool | None = None if has_own(own) else True

    def first_width(self, features: int) -> int:
        """Width of the input of the first layer."""
        if features not in self._widths:
            self._widths[features] = self.recipe.first_width(features)
        return self._widths[features]

    def answer(self, arrays: dict[str, Any], x: Float[np.ndarray, "rows features"]) -> np.ndarray | None:
        """Probabilities, or targets as a run sees them, in float64; None for many rows, or if the network needs JAX.

        Arguments:
            arrays: as a predictor holds them, from `wide`: they are read-only, since JAX's arrays never change.
            x: encoded rows.
        """
        if self.proven is False or (len(x) > BLOCK and len(x) * weights_of(arrays["params"]) > MOST):
            return None
        try:
            with np.errstate(all="ignore"):
                found = [self.compute(arrays, part) for part in _blocks(x)]
        except Exception:  # whatever a function of the user's own raises where it expects JAX's arrays
            if self.proven:
                raise
            found = [None]
        if not all(isinstance(each, np.ndarray) for each in found):
            self.proven = False
            return None
        return found[0] if len(found) == 1 else np.concatenate(found)

    def agrees(self, found: np.ndarray, compiled: np.ndarray) -> bool:
        """Whether NumPy's answers are JAX's; the verdict on a network with blocks of the user's own is remembered."""
        size = np.max(np.abs(compiled), initial=1e-30, where=np.isfinite(compiled))
        same = found.shape == compiled.shape
        self.proven = same and np.allclose(found, compiled, rtol=CLOSE, atol=CLOSE * size, equal_nan=True)
        return self.proven

    def compute(self, arrays: dict[str, Any], x: np.ndarray) -> Any:
        """The answer for rows in float64, which NumPy computes."""
        params, stats = arrays["params"], arrays["stats"]
        x = self._prepare(arrays["scaling"], x)
        for name, step in self._steps:
            x = step(params.get(name, _NONE), stats.get(name, _NONE), x)
        answer = self._mean(x)
        return answer if self._invert is None else self._invert(arrays["target_scaling"], answer)


def _bound(block: object, name: str) -> Callable[..., Any]:
    """A method of a block, bound without Equinox's wrapper, which makes a module at every call."""
    return functools.partial(getattr(type(block), name), block)


def _step(each: Any) -> Callable[[dict[str, Any], dict[str, Any], Any], Any]:
    if isinstance(each, Layer):
        apply = _bound(each, "apply")
        return lambda params, stats, x: apply(params, stats, x, _CALL)[0]
    call = _bound(each, "__call__")
    return lambda params, stats, x: call(x)


_NONE: dict[str, Any] = {}


class _Same:
    """A recipe as a key: only itself is equal to it, since comparing its fields would take longer than predicting a row."""

    __slots__ = ("recipe",)

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def __hash__(self) -> int:
        return id(self.recipe)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.recipe is self.recipe


def host_of(recipe: Recipe, task: str, outputs: int) -> Host:
    """The network of a recipe, which is remembered for the next call."""
    return _remembered(_Same(recipe), task, outputs)


@functools.lru_cache(maxsize=KEPT)
def _remembered(same: _Same, task: str, outputs: int) -> Host:
    return Host(same.recipe, task, outputs)


def has_own(block: Block) -> bool:
    """Whether a block or a part of it was written outside of this package, or holds a function.

    >>> from fallline.activations import ReLU
    >>> has_own(ReLU())
    False
    """
    if type(block).__module__.partition(".")[0] != "fallline":
        return True
    for name in declared_fields(type(block)):
        value = getattr(block, name)
        for each in value if isinstance(value, tuple) else (value,):
            if has_own(each) if isinstance(each, Block) else callable(each):
                return True
    return False


def wide(arrays: object) -> Any:
    """A tree of dicts with every array of floats in float64, read-only."""
    if isinstance(arrays, dict):
        return {name: wide(each) for name, each in arrays.items()}
    return None if arrays is None else _read_only(arrays)


def weights_of(params: Any) -> int:
    """Number of parameters in a tree of dicts."""
    return sum(map(weights_of, params.values())) if isinstance(params, dict) else int(params.size)


def _read_only(array: object) -> np.ndarray:
    own = np.asarray(array)
    if own.dtype == np.float64 and not own.flags.writeable:
        return own
    found = (own if own.dtype.kind != "f" else own.astype(np.float64, copy=False)).view()
    found.flags.writeable = False
    return found


def _blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, max(1, len(x)), BLOCK):
        yield _read_only(x[begin : begin + BLOCK])
