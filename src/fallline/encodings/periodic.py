"""Trained periodic embeddings: waves of a number, whose frequencies are learned."""

import math
from typing import ClassVar

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fallline.core.field import Number, number, structure
from fallline.core.namespace import namespace, of_groups, relu
from fallline.core.random import Seed, named
from fallline.encodings.base import Encoding, Params, check_columns, check_whole, columns_field, distinct_field
from fallline.encodings.columns import with_columns

FORMS = ("pbld", "plr", "plr_lite")
CUT = 3.0  # standard deviations within which frequencies are drawn


class Periodic(Encoding):
    """An embedding of each number made of waves, whose frequencies and mixture are trained.

        pbld:      h = cos(2 pi c x + phi) A + a
        plr:       h = max(0, (cos(2 pi c x), sin(2 pi c x)) A + a)
        plr_lite:  the same, with one A and a for all columns

    x is the scaled number, c are `frequencies` numbers drawn from N(0, sigma^2), phi begins uniformly on a circle, and h has
    `size` numbers, which stand beside x. Every column has frequencies of its own. A large sigma lets the network fit steep
    functions, and noise; too large a value hurts more than one that is too small. `rate` multiplies the steps of c and phi
    under rules that ignore the gradient's size, such as Adam.

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning", 2022, section
    3.3 (plr); Holzmueller, Grinsztajn and Steinwart, "Better by default", 2024 (pbld).

    >>> import jax.numpy as jnp
    >>> encoding = Periodic(frequencies=1, size=1, columns=(0,))
    >>> params = {"frequency": jnp.array([[0.5]]), "phase": jnp.zeros((1, 1)), "weight": jnp.ones((1, 1, 1)),
    ...     "bias": jnp.zeros((1, 1))}
    >>> encoding.embed(params, jnp.array([[0.0], [1.0], [2.0]]), jnp.zeros((3, 0)))[:, 0].tolist()
    [1.0, -1.0, 1.0]
    """

    name: ClassVar[str] = "periodic"
    aliases: ClassVar[tuple[str, ...]] = ("fourier",)
    sigma: Number = number(
        0.1,
        valid="(0, inf)",
        usual=(0.01, 1.0),
        scale="log",
        read="start",
        help="standard deviation of the frequencies",
    )
    frequencies: int = structure(16, unit="frequencies", help="waves of each column")
    size: int = structure(4, unit="numbers", help="length of the embedding of a column")
    form: str = structure("pbld", choices=FORMS, help="waves with phases, or cosines and sines under a ReLU")
    rate: Number = number(
        1.0,
        valid="(0, inf)",
        usual=(0.05, 1.0),
        scale="log",
        read="start",
        help="factor of the frequencies' learning rate",
    )
    distinct: int = distinct_field(3)
    columns: tuple[int, ...] | None = columns_field()

    def __check_init__(self) -> None:
        check_columns(self)
        check_whole(self, "frequencies", "frequencies", least=1)
        check_whole(self, "size", "numbers", least=1)
        check_whole(self, "distinct", "values", least=1, most=10**9)

    @property
    def trained(self) -> bool:
        return True

    def placed(self, counts: Int[np.ndarray, " features"], scaled: Bool[np.ndarray, " features"]) -> Encoding:
        return with_columns(self, counts, scaled)

    def init(self, key: Seed) -> Params:
        columns, k = self.count, self.frequencies
        waves = k if self.form == "pbld" else 2 * k
        own = () if self.form == "plr_lite" else (columns,)
        bound = waves**-0.5

        def uniform(word: str, shape: tuple[int, ...], bound: float) -> Array:
            return jax.random.uniform(named(key, word), shape, minval=-bound, maxval=bound)

        normal = jax.random.truncated_normal(named(key, "frequency"), -CUT, CUT, (columns, k))
        params = {
            "frequency": normal * (self.sigma / self.rate),
            "weight": uniform("weight", (*own, waves, self.size), bound),
            "bias": uniform("bias", (*own, self.size), bound),
        }
        if self.form == "pbld":
            params["phase"] = uniform("phase", (columns, k), math.pi) / self.rate
        return params

    def embedded(self) -> int:
        return self.count * self.size

    def embed(
        self, params: Params, scaled: Float[Array, "rows features"], codes: Float[Array, "rows codes"]
    ) -> Float[Array, "rows inputs"]:
        xp = namespace(scaled, params, self.rate)
        x = scaled[:, np.array(self.columns or (), np.int32)]
        angle = 2.0 * math.pi * x[..., None] * (self.rate * params["frequency"])
        if self.form == "pbld":
            waves = xp.cos(angle + self.rate * params["phase"])
        else:
            waves = xp.concatenate([xp.cos(angle), xp.sin(angle)], axis=-1)
        if self.form == "plr_lite":
            h = waves @ params["weight"] + params["bias"]
        else:
            h = of_groups(waves, params["weight"]) + params["bias"]
        return (h if self.form == "pbld" else relu(h)).reshape(x.shape[0], -1)

    def sources(self) -> Int[np.ndarray, " inputs"]:
        return np.repeat(np.array(self.columns or (), np.int32), self.size)
