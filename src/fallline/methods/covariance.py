"""CMA-ES, by the library `cma`: it learns the curvature from successful steps."""

import dataclasses
import warnings
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.core.extras import optional
from fallline.core.field import Number, structure
from fallline.core.random import Seed
from fallline.methods.base import Method, MethodState, noise_field


@dataclasses.dataclass
class EvolutionStrategy:
    """The library's state, which `tell` modifies in place, and the pending candidates."""

    es: Any
    asked: list[np.ndarray] | None = None


class CMAES(Method):
    """Covariance matrix adaptation, as implemented by the library `cma`.

        x_k ~ w + sigma N(0, C),  k = 1 .. n;  w moves to the weighted mean of the better half
        C and sigma learn from the moves

    The first choice for functions of up to a few hundred dimensions, especially ill-conditioned ones: it learns the
    curvature, whereas random search makes little progress along the floor of a ravine. It stores d^2 numbers and
    occasionally needs d^3 work; with thousands of dimensions use ARS or OpenAI-ES. It runs on the host in float64, one
    state at a time, and can be neither traced nor mapped. A failed evaluation counts as the worst of its iteration.

    Source: Hansen, "The CMA evolution strategy: a tutorial", 2016; the library pycma.

    >>> import jax
    >>> method = CMAES(noise=0.5)
    >>> state = method.start(np.array([3.0, -2.0]), jax.random.key(0))
    >>> for _ in range(100):
    ...     x = method.ask(state)
    ...     state = method.tell(state, x[:, 0] ** 2 + 1e4 * x[:, 1] ** 2)
    >>> bool((abs(state.point) < 1e-3).all())
    True
    """

    name: ClassVar[str] = "cma_es"
    aliases: ClassVar[tuple[str, ...]] = ("cma",)
    traceable: ClassVar[bool] = False
    noise: Number = noise_field(0.3)
    population: int | None = structure(
        None, optional=True, unit="per iteration", help="n, candidates; None: 4 + 3 ln d, rounded down"
    )

    def __check_init__(self) -> None:
        n = self.population
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 4):
            raise FalllineError(f"CMAES.population = {n!r} is not a number of candidates: expected 4 or more, or None")

    def candidates(self, d: int) -> int:
        return self.population or 4 + int(3 * np.log(d))

    def start(self, point: np.ndarray, key: Seed, iterations: object = None) -> MethodState:
        """The state before the first iteration.

        Raises: FalllineError without the library, and for a schedule in `noise`, which is only the initial sigma.
        """
        w = np.asarray(point, np.float64)
        try:
            sigma = float(self.noise)
        except TypeError:
            raise FalllineError(f"CMAES.noise = {self.noise!r} is where sigma begins: give a number") from None
        words = np.asarray(jax.random.key_data(key)).reshape(-1)
        rng = np.random.default_rng(words.tolist())
        options = {
            "popsize": self.candidates(w.size),
            "randn": lambda *shape: rng.standard_normal(shape),
            "seed": np.nan,  # leaves NumPy's global generator unchanged
            "verbose": -9,
        }
        es = _library().CMAEvolutionStrategy(w, sigma, options)
        return MethodState(w, key, np.int32(0), iterations, EvolutionStrategy(es))

    def ask(self, state: MethodState) -> Float[np.ndarray, "n d"]:
        """The points of this iteration; they stay the same until `tell`."""
        memory = state.memory
        if memory.asked is None:
            memory.asked = memory.es.ask()
        return np.asarray(memory.asked)

    def tell(self, state: MethodState, values: object) -> MethodState:
        """The state after the iteration; the previous state becomes invalid. Nothing is learnt if all evaluations failed."""
        self.ask(state)
        f = np.asarray(values, np.float64)
        good = np.isfinite(f)
        if good.any():
            state.memory.es.tell(state.memory.asked, np.where(good, f, f[good].max()).tolist())
        memory = EvolutionStrategy(state.memory.es)
        return state._replace(point=np.array(memory.es.mean), iteration=state.iteration + 1, memory=memory)


def _library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns that it cannot plot without matplotlib
        return optional("cma", "cma", "CMA-ES")
