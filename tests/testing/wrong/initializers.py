"""Initial weights that lack a property, and what their check says of each."""

import jax
import jax.numpy as jnp

from fallline.core.random import normal
from fallline.initializers import Initializer
from fallline.initializers.base import fans_of


class WrongVariance(Initializer):
    """He's weights, drawn with half of their variance."""

    def __call__(self, key, shape, fans=None):
        return normal(key, shape) / jnp.sqrt(fans_of(shape, fans)[0])

    def moments(self, inputs, outputs):
        return 0.0, 2.0 / inputs


class Shifted(WrongVariance):
    """Weights around three thousandths."""

    def __call__(self, key, shape, fans=None):
        return super().__call__(key, shape, fans) + 3e-3

    def moments(self, inputs, outputs):
        return 0.0, 1.0 / inputs


class Threefry(WrongVariance):
    """JAX's own draws, where a wide layer does not begin with a narrow one's."""

    def __call__(self, key, shape, fans=None):
        return jax.random.normal(key, shape) / jnp.sqrt(fans_of(shape, fans)[0])


class Equal(WrongVariance):
    """Weights of which each unit has the same."""

    def __call__(self, key, shape, fans=None):
        return jnp.broadcast_to(super().__call__(key, shape, fans)[..., :1], shape)


class HalfPrecise(WrongVariance):
    """Weights of 16 bits."""

    def __call__(self, key, shape, fans=None):
        return super().__call__(key, shape, fans).astype(jnp.bfloat16)


class Keyless(WrongVariance):
    """Weights that are the same for every key."""

    def __call__(self, key, shape, fans=None):
        return super().__call__(jax.random.key(7), shape, fans)


WRONG = [
    (HalfPrecise(), "dtypes", "bfloat16"),
    (Keyless(), "by_key", "other weights with another key: False"),
    (WrongVariance(), "moments", "declared 0.008"),
    (Shifted(), "moments", "mean 0.00"),
    (Threefry(), "by_place", "corner of a padded array"),
    (Equal(), "breaks_symmetry", "two units are equal"),
]
