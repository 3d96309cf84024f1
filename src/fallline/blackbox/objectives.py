"""Objectives evaluated at many points at once: as one mapped program, or by calls in processes.

Internally, values are smaller-is-better, and a failed evaluation is NaN.
"""

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.blackbox.origin import Origin
from fallline.core.errors import FalllineError
from fallline.core.operations import bytes_of
from fallline.workers import Workers
from fallline.workers.calls import at, evaluate, sent
from fallline.workers.processes import Processes

BYTES = (
    1 << 24
)  # most bytes of intermediate values of parallel evaluations, to fit the caches; 3 times as fast as 1 << 27
POLL = 0.2  # seconds between two checks of the clock


class Objective(ABC):
    """A function of the caller's tree at rows of numbers."""

    def __init__(self, f: Callable[[Any], Any], origin: Origin, maximize: bool) -> None:
        self.f, self.origin, self.sign = f, origin, -1.0 if maximize else 1.0
        self.reasons: dict[str, int] = {}

    @abstractmethod
    def values(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The value of every row; NaN for failed evaluations."""

    def failed(self, reason: str) -> float:
        """Record why an evaluation failed, and return its value, NaN."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        return math.nan

    def close(self) -> None:  # noqa: B027 - only some hold something
        """End the processes, if any."""


class Mapped(Objective):
    """A function that JAX can trace: all rows are one program, in parallel as far as memory allows."""

    def __init__(self, f: Callable[[Any], Any], origin: Origin, maximize: bool) -> None:
        super().__init__(f, origin, maximize)
        traced = jax.make_jaxpr(self.value)(jnp.asarray(origin.vector))
        self.lanes = max(1, BYTES // (bytes_of(traced.jaxpr) + 8 * len(origin.vector)))
        self.program = jax.jit(self.rows)

    def value(self, vector: Float[Array, " d"]) -> Float[Array, ""]:
        """The value at one point."""
        answer = jnp.asarray(self.f(self.origin.tree(vector)))
        if answer.size != 1:
            raise FalllineError(f"the objective returns an array of shape {answer.shape}: expected one number")
        if jnp.iscomplexobj(answer):
            raise FalllineError(f"the objective returns a complex number ({answer.dtype}): expected a real one")
        return self.sign * answer.reshape(()).astype(vector.dtype)

    def rows(self, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The value of every row, traced."""
        return jax.vmap(self.value)(x) if len(x) <= self.lanes else jax.lax.map(self.value, x, batch_size=self.lanes)

    def values(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        found = np.asarray(self.program(x), np.float64)
        return np.where(np.isfinite(found), found, np.nan)


class Called(Objective):
    """Any callable, called in this process without a time limit."""

    def values(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        return np.array([self._one(row) for row in x])

    def _one(self, row: np.ndarray) -> float:
        value, reason = evaluate(self.f, self.origin.shaped, row)
        return self.sign * value if reason is None else self.failed(reason)


class Elsewhere(Objective):
    """Any callable, called in processes: a call that raises, hangs or dies only costs that evaluation.

    Arguments:
        f: the callable; it is sent to the processes once, with the objects it has captured.
        origin: the starting point of the search.
        maximize: whether larger is better.
        count: number of processes.
        limit: time limit of an evaluation in seconds, after which its process is ended. None: no limit.
    """

    def __init__(
        self, f: Callable[[Any], Any], origin: Origin, maximize: bool, *, count: int, limit: float | None = None
    ) -> None:
        super().__init__(f, origin, maximize)
        self.limit = limit
        self.workers: Workers = Processes(at, sent(f, origin.shaped), count)

    def values(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        found = np.full(len(x), math.nan)
        waiting = deque(range(len(x)))
        running: dict[Any, int] = {}
        begun: dict[Any, float] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.workers.slots():
                    index = waiting.popleft()
                    running[self.workers.start(np.array(x[index]))] = index
                for ticket, kind, value in self.workers.events(list(running), POLL):
                    if kind == "begun":
                        begun[ticket] = time.monotonic()
                        continue
                    index = running.pop(ticket)
                    begun.pop(ticket, None)
                    answer, reason = value if kind == "done" else (math.nan, f"its worker was lost: {value}")
                    found[index] = self.sign * answer if reason is None else self.failed(reason)
                now = time.monotonic()
                for ticket in [each for each, since in begun.items() if self.limit and now - since > self.limit]:
                    self.workers.kill(ticket)
                    del begun[ticket]
                    found[running.pop(ticket)] = self.failed(f"it took longer than {self.limit:g} s")
        finally:
            for ticket in running:
                self.workers.kill(ticket)
        return found

    def close(self) -> None:
        self.workers.close()
