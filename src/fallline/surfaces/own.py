"""Surfaces of your own: a formula as text, or a function in Python."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.core.errors import FalllineError
from fallline.core.field import required, structure
from fallline.surfaces.base import Domain, Minimum, Surface
from fallline.surfaces.expression import parse_expression


def _tuples(value: Any) -> Any:
    """Lists and arrays as tuples, at every depth; a point of `known` may be a `Minimum`."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(_tuples(each) for each in value) if type(value) in (list, tuple) else value


class Formula(Surface):
    """A formula of your own, as text.

        f(x) = the text, in x, y, z or x1, x2, ...

    See `parse_expression` for what a formula may hold; it is parsed by an allow-list and never evaluated as Python. Its
    minima are not known in advance: `fl.lab.walk` looks for them. Domain: `limits`, or [-2, 2] for every coordinate.

    Source: its author.

    >>> float(Formula("x^2 + 10*y^2")(jnp.array([1.0, 1.0])))
    11.0
    """

    name: ClassVar[str] = "formula"
    text: str = structure("x^2 + 10*y^2", help="the formula")
    limits: Any = structure(
        None, optional=True, convert=_tuples, help="lowest and highest value of every coordinate: ((-2, 2), (-1, 3))"
    )

    def __check_init__(self) -> None:
        _, n = parse_expression(self.text)
        if self.limits is not None:
            check_domain(self.limits, n)

    @property
    def dimensions(self) -> int:
        """The number of coordinates in the text."""
        return parse_expression(self.text)[1]

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        return parse_expression(self.text)[0](x)

    @property
    def domain(self) -> Domain:
        return ((-2.0, 2.0),) * self.dimensions if self.limits is None else as_domain(self.limits)

    @property
    def start(self) -> tuple[float, ...]:
        return beside_a_corner(self.domain)


class Function(Surface):
    """A function of your own, in Python: any that JAX can trace, from an array of n numbers to one number.

        f(x) = function(x)

    Arguments:
        function: the function.
        limits: the lowest and the highest value of every coordinate; their number is n.
        known: its minima, each a `Minimum` or a point; without them `fl.lab.walk` looks for them.

    Source: its author.

    >>> own = Function(lambda x: (x[0] - 1) ** 2 + jnp.abs(x[1]), ((-2, 2), (-2, 2)), known=[(1, 0)])
    >>> own.minima
    (Minimum(point=(1.0, 0.0), value=0.0, is_global=True),)
    """

    function: Callable[[Any], Any] = required(structure(help="the function"))
    limits: Any = required(structure(convert=_tuples, help="lowest and highest value of every coordinate"))
    known: Any = structure((), convert=_tuples, help="its minima")
    begins: Any = structure(None, optional=True, convert=_tuples, help="where a walk starts")

    def __check_init__(self) -> None:
        if not callable(self.function):
            raise FalllineError(f"function of type {type(self.function).__name__} cannot be called: expected f(x)")
        check_domain(self.limits, None)
        n = len(self.limits)
        for point in (*self.known, *(() if self.begins is None else (self.begins,))):
            if len(point.point if isinstance(point, Minimum) else point) != n:
                raise FalllineError(f"point {point!r} does not have {n} coordinates, as the limits have")
        check_traceable(self.function, n)

    @property
    def dimensions(self) -> int:
        """The number of coordinates in the limits."""
        return len(self.limits)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.asarray(self.function(x), x.dtype).reshape(())

    @property
    def domain(self) -> Domain:
        return as_domain(self.limits)

    @property
    def start(self) -> tuple[float, ...]:
        return beside_a_corner(self.domain) if self.begins is None else tuple(map(float, self.begins))

    @property
    def minima(self) -> tuple[Minimum, ...]:
        given = [each if isinstance(each, Minimum) else self._at(each) for each in self.known]
        lowest = min((each.value for each in given), default=0.0)
        return tuple(
            each._replace(is_global=each.value <= lowest + 1e-9 * max(1.0, abs(lowest)))
            for each in sorted(given, key=lambda each: each.value)
        )

    def _at(self, point: Any) -> Minimum:
        with jax.enable_x64(True):
            return Minimum(tuple(map(float, point)), float(self(jnp.asarray(point, jnp.float64))))


def check_traceable(function: Callable[[Any], Any], n: int) -> None:
    """Raise a FalllineError in one sentence for a function that JAX cannot trace or that returns no number."""
    with jax.enable_x64(True):
        try:
            found = jax.eval_shape(function, jax.ShapeDtypeStruct((n,), jnp.float64))
        except FalllineError:
            raise
        except Exception as error:  # whatever a user's function raises on a traced array
            reason = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(". ")
            raise FalllineError(
                f"the function cannot be traced by JAX for {n} coordinates ({reason}): write it with jax.numpy, "
                "without if and float() on coordinates"
            ) from None
    shape = getattr(found, "shape", None)
    if shape is None or int(np.prod(shape)) != 1 or jnp.issubdtype(found.dtype, jnp.complexfloating):
        raise FalllineError(f"the function returns {found!r} for {n} coordinates: expected one real number")


def check_domain(limits: Any, n: int | None) -> None:
    """Raise a FalllineError for limits that are not a lower and a higher number for every coordinate."""
    try:
        pairs = np.asarray(limits, np.float64)
        fits = pairs.ndim == 2 and pairs.shape[1] == 2 and len(pairs) > 0 and bool(np.isfinite(pairs).all())
    except (TypeError, ValueError):
        fits = False
    if not fits or not (pairs[:, 0] < pairs[:, 1]).all():
        raise FalllineError(
            f"limits = {limits!r} are not a lower and a higher number for every coordinate: expected such as "
            "((-2, 2), (-1, 3))"
        )
    if n is not None and len(pairs) != n:
        raise FalllineError(f"limits = {limits!r} are of {len(pairs)} coordinates, and the formula has {n}")


def as_domain(limits: Any) -> Domain:
    """Limits as pairs of floats."""
    return tuple((float(low), float(high)) for low, high in limits)


def beside_a_corner(domain: Domain) -> tuple[float, ...]:
    """A point a tenth of the domain away from its lower ends, a little less in every second coordinate."""
    return tuple(low + (0.1, 0.2)[i % 2] * (high - low) for i, (low, high) in enumerate(domain))
