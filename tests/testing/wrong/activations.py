"""Functions of one number that lack a property, and what their check says of each."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from fallline.activations import Activation
from fallline.core.field import number, structure
from wrong.squares import squares


class FalseRange(Activation):
    """A tanh that claims to stay above 0."""

    range: ClassVar = (0.0, 1.0)
    zero_centred: ClassVar = True
    saturates: ClassVar = "for |x| > 4"

    def __call__(self, x):
        return jnp.tanh(x)


class FalseCentre(FalseRange):
    """A tanh that claims to be off centre."""

    range: ClassVar = (-1.0, 1.0)
    zero_centred: ClassVar = False


class NeverFlat(FalseRange):
    """A tanh that claims never to saturate."""

    range: ClassVar = (-1.0, 1.0)
    saturates: ClassVar = "nowhere"


class OtherWhenRecorded(Activation):
    """A function that does something else while it is written down."""

    def __call__(self, x):
        return x * (1.0 if type(x) is np.ndarray else 2.0)


class OtherByNumPy(Activation):
    """A doubled sum for JAX, and a tripled one for NumPy."""

    def __call__(self, x):
        return x * (3.0 if isinstance(x, np.ndarray) else 2.0)


class Mixing(Activation):
    """A softmax, which is no elementwise function."""

    def __call__(self, x):
        return jax.nn.softmax(x, axis=-1) if x.ndim else x


class Overflowing(Activation):
    """A softplus without care."""

    zero_at_zero: ClassVar = False

    def __call__(self, x):
        return jnp.log(1 + jnp.exp(x))


class Double(Activation):
    """The sum itself, in single precision whatever comes."""

    zero_centred: ClassVar = True

    def __call__(self, x):
        return jnp.asarray(x, jnp.float32)


class Undeclared(Activation):
    """A number that no file and no search will see."""

    zero_centred: ClassVar = True
    slope: float = 1.0

    def __call__(self, x):
        return self.slope * x


class Idle(Activation):
    """A number that does nothing."""

    zero_centred: ClassVar = True
    slope: float = number(1.0, help="nothing")

    def __call__(self, x):
        return x


class Branching(Activation):
    """A number that decides the program."""

    zero_centred: ClassVar = True
    slope: float = number(1.0, valid="[0, inf)", help="the slope")

    def __call__(self, x):
        return x if self.slope == 1.0 else self.slope * x


class NoHelp(Activation):
    """A field that says nothing of itself, with a usual range that is not valid."""

    zero_centred: ClassVar = True
    slope: float = number(1.0, valid="[0, 1]", usual=(0.1, 3.0), help="the slope")
    form: str = structure("one")

    def __call__(self, x):
        return self.slope * x


class WrongSlope(Activation):
    """Half of the sum's square, with a slope of its own making."""

    range: ClassVar = (0.0, float("inf"))

    def __call__(self, x):
        return squares(x)


class FalseZero(Activation):
    """A line that misses 0."""

    def __call__(self, x):
        return x + 1.0


class NoWeights(Activation):
    """A line that no initial weights fit."""

    zero_centred: ClassVar = True
    initializer: ClassVar = "he_norml"

    def __call__(self, x):
        return x


class Deafening(NoWeights):
    """A line whose signal is gone after ten layers."""

    initializer: ClassVar = "small_normal"


WRONG = [
    (WrongSlope(), "gradient", "beside central differences"),
    (OtherByNumPy(), "by_numpy", "by NumPy, beside JAX"),
    (OtherWhenRecorded(), "recorded", "by its program"),
    (FalseZero(), "zero_at_zero", "f(0) = 1"),
    (NoWeights(), "initializer", "did you mean 'he_normal'"),
    (Deafening(), "initializer", "after ten layers"),
    (FalseRange(), "range", "comes down to -1; the declared range is (0, 1)"),
    (FalseCentre(), "zero_centred", "declared: zero_centred = False"),
    (NeverFlat(), "saturates", "declared: saturates 'nowhere'"),
    (Mixing(), "elementwise", "beside other numbers"),
    (Overflowing(), "far", "not finite"),
    (Double(), "dtypes", "float64"),
    (Undeclared(), "declared", "the field 'slope' is not declared"),
    (NoHelp(), "declared", "slope = 3 is outside of its interval [0, 1]"),
    (Idle(), "traced", "the field 'slope' does nothing"),
    (Branching(), "traced", "TracerBoolConversionError"),
]
