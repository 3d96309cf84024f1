"""Layers with weights: each unit is a weighted sum of all inputs."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from fallline.core.field import part, required, structure
from fallline.core.namespace import namespace
from fallline.core.random import Seed, named
from fallline.initializers import Fans, GlorotUniform, Initializer, LeCunNormal, Zeros
from fallline.layers.base import Layer, LayerCall, Params, Stats, check_count

SMALL = 700_000  # multiplications up to which YNNPACK computes the gradient in four fifths of Eigen's time
MIDDLING = (2_000_000, 4_500_000)  # multiplications between which YNNPACK uses one core and Eigen two


def product(x: Float[Array, "batch inputs"], W: Float[Array, "inputs outputs"]) -> Float[Array, "batch outputs"]:
    """x W, in a form whose value and gradient with respect to W XLA computes fast on a CPU."""
    if namespace(x, W) is np:
        return x @ W
    rows, (inputs, outputs) = x.shape[0], W.shape
    if MIDDLING[0] <= rows * inputs * outputs <= MIDDLING[1]:
        return middling(x, W)
    if outputs <= 32 and inputs >= 2 * outputs and inputs * outputs <= 16384:
        return narrow(x, W)
    return small(x, W) if rows * inputs * outputs <= SMALL else x @ W


@jax.custom_jvp
def narrow(x: Float[Array, "batch inputs"], W: Float[Array, "inputs outputs"]) -> Float[Array, "batch outputs"]:
    """x W, whose gradient x^T d is computed as its transpose d^T x.

    For a narrow W, x^T d takes up to ten times as long as d^T x (512 x 10 after 128 rows: 214 against 22 us). The barrier
    keeps XLA from turning one into the other.
    """
    return x @ W


@jax.custom_jvp
def small(x: Float[Array, "batch inputs"], W: Float[Array, "inputs outputs"]) -> Float[Array, "batch outputs"]:
    """x W, whose gradient x^T d first stores x^T in memory: XLA gives this plain product to YNNPACK and not to Eigen.

    64 x 64 after 64 rows: 6.0 against 7.4 us, and 20 x 64: 1.8 against 2.8 us.
    """
    return x @ W


def _has_slope(product: Any, of_W: Callable[[Array, Array], Array]) -> None:
    """Define a product's derivative, dx W + x dW, with x dW in a form whose transpose is the desired gradient."""

    def slope(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
        (x, W), (dx, dW) = primals, tangents
        y = product(x, W)
        if isinstance(dx, SymbolicZero):
            return y, of_W(x, dW)
        return y, dx @ W if isinstance(dW, SymbolicZero) else dx @ W + of_W(x, dW)

    product.defjvp(slope, symbolic_zeros=True)


@jax.custom_jvp
def middling(x: Float[Array, "batch inputs"], W: Float[Array, "inputs outputs"]) -> Float[Array, "batch outputs"]:
    """x W by way of x^T: XLA gives x W to YNNPACK, and a product that begins with a transpose to Eigen.

    115 x 100 after 200 rows: 36 against 51 us, and the gradient after it is faster as well (a step of training: 120 against
    147 us). The derivatives are those of x W. The lanes of a population form one large product, which YNNPACK computes
    faster.
    """
    return _by_columns(x, W)


@custom_vmap
def _by_columns(x: Array, W: Array) -> Array:
    return lax.dot_general(lax.optimization_barrier(x.T), W, (((0,), (0,)), ((), ())))


@_by_columns.def_vmap
def _of_lanes(_: int, mapped: list[bool], x: Array, W: Array) -> tuple[Array, bool]:
    return jax.vmap(jnp.matmul, [0 if each else None for each in mapped])(x, W), True


_has_slope(narrow, lambda x, dW: x @ lax.optimization_barrier(dW.T).T)
_has_slope(small, lambda x, dW: lax.optimization_barrier(x.T).T @ dW)
_has_slope(middling, lambda x, dW: x @ dW)


class Dense(Layer):
    """Fully connected layer.

        y = x W + b

    Source: the perceptron's sum (Rosenblatt, 1958), for a batch of rows.

    >>> import jax
    >>> params, _ = Dense(3).init(jax.random.key(0), (2,))
    >>> {name: array.shape for name, array in params.items()}
    {'bias': (3,), 'weight': (2, 3)}
    """

    name: ClassVar[str] = "dense"
    aliases: ClassVar[tuple[str, ...]] = ("linear", "fully_connected")
    has_units: ClassVar[bool] = True
    width: int = required(structure(help="number of units"))
    initializer: Initializer = part(GlorotUniform(), family="initializer", read="start", help="initial weights")
    bias_initializer: Initializer = part(Zeros(), family="initializer", read="start", help="initial biases")
    bias: bool = structure(True, choices=(True, False), help="whether the layer adds a bias")

    def __check_init__(self) -> None:
        check_count("Dense", "width", self.width, "units")

    @property
    def parts(self) -> set[str]:
        """The names of the layer's params."""
        return {"weight", "bias"} if self.bias else {"weight"}

    def outputs(self, inputs: int) -> int:
        return self.width

    def size(self, inputs: int) -> int:
        return (inputs + self.bias) * self.width

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        params = {"weight": self.initializer(named(key, "weight"), (shape[-1], self.width), fans)}
        if self.bias:
            params = {"bias": self.bias_initializer(named(key, "bias"), (self.width,), fans), **params}
        return params, {}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        y = product(x, params["weight"])
        if not self.bias:
            return y, stats
        if namespace(y, params) is np:  # the sum needs no second array
            return np.add(y, params["bias"], out=y), stats
        return y + params["bias"], stats


class Maxout(Layer):
    """Each unit is the largest of several weighted sums: it learns its own convex non-linearity.

        y_j = max_k (x W_k + b_k)_j,  k = 1 .. pieces

    No unit dies, and two pieces can represent ReLU, its leaky form or the absolute value. It has as many parameters as
    one dense layer per piece: pieces (inputs + 1) width. No activation follows it. It was designed for use with dropout,
    whose models it averages well.

    Source: Goodfellow et al., "Maxout networks", 2013, section 3.

    >>> import jax
    >>> layer = Maxout(3, pieces=2)
    >>> {name: array.shape for name, array in layer.init(jax.random.key(0), (4,))[0].items()}, layer.size(4)
    ({'bias': (2, 3), 'weight': (4, 2, 3)}, 30)
    """

    name: ClassVar[str] = "maxout"
    has_units: ClassVar[bool] = True
    width: int = required(structure(help="number of units"))
    pieces: int = structure(2, help="weighted sums per unit")
    initializer: Initializer = part(
        LeCunNormal(), family="initializer", read="start", help="initial weights of each piece"
    )
    bias_initializer: Initializer = part(Zeros(), family="initializer", read="start", help="initial biases")

    def __check_init__(self) -> None:
        check_count("Maxout", "width", self.width, "units")
        check_count("Maxout", "pieces", self.pieces, "weighted sums", least=2)

    def outputs(self, inputs: int) -> int:
        return self.width

    def size(self, inputs: int) -> int:
        return self.pieces * (inputs + 1) * self.width

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        def draw(k: int) -> Array:
            return self.initializer(named(key, "weight", k), (shape[-1], self.width), fans)

        weight = jnp.stack([draw(k) for k in range(self.pieces)], axis=1)
        bias = self.bias_initializer(named(key, "bias"), (self.pieces, self.width), fans)
        return {"bias": bias, "weight": weight}, {}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        inputs, pieces, width = params["weight"].shape
        sums = (x @ params["weight"].reshape(inputs, pieces * width)).reshape(-1, pieces, width)
        return namespace(x, params).max(sums + params["bias"], axis=1), stats
