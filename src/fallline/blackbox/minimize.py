"""`minimize(objective, x0, method)`: the search in chunks of iterations, with callbacks and interrupts between them."""

import dataclasses
import functools
import math
import os
import time
from collections.abc import Callable
from typing import Any, ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np

from fallline.blackbox.descent import Descender, check_rule
from fallline.blackbox.objectives import Called, Elsewhere, Mapped, Objective
from fallline.blackbox.optimum import Ending, Optimum
from fallline.blackbox.origin import Origin, origin_of
from fallline.blackbox.program import (
    CAPACITY,
    BestSoFar,
    Bounds,
    Row,
    Walk,
    advance,
    begun,
    goes_on,
    looking,
    looks,
    recorded,
)
from fallline.core.block import as_arrays, family
from fallline.core.driving import Pace, Progress, drive
from fallline.core.errors import FalllineError, nearest
from fallline.core.interrupt import Interrupt
from fallline.core.whole import check_seed, is_whole
from fallline.methods import Method
from fallline.optimizers import Optimizer


@dataclasses.dataclass(frozen=True)
class MinimizeProgress(Progress):
    """The progress of a minimisation, for progress bars and callbacks; `best` has the objective's own sign."""

    unit: ClassVar[str] = "evaluations"
    best: float

    @property
    def evaluations(self) -> int:
        """Number of evaluations so far, including failed ones."""
        return int(self.done)


def minimize(
    objective: Callable[[Any], Any],
    x0: object,
    method: Method | Optimizer | str,
    *,
    maximize: bool = False,
    evaluations: int = 10_000,
    target: float | None = None,
    seed: int = 0,
    processes: int | None = None,
    limit: float | None = None,
    watch: Callable[[MinimizeProgress], Any] | None = None,
) -> Optimum:
    """Find the lowest point of a function, with a method without gradients or with an update rule.

    An update rule, such as `Adam(0.1)` or "lbfgs", descends by the gradient of a function that JAX can trace; an
    evaluation is then one of value and gradient together, and a schedule's progress is the share of the evaluations.

    With a method without gradients, a function that JAX can trace is mapped: an iteration's evaluations are one program,
    and whole iterations run without Python. Any other callable is called in processes, once per point. A call that raises,
    hangs, kills its process or returns a non-finite number only costs that evaluation, which counts as failed.

    Everything is computed in double precision, unless all arrays of x0 are in single precision.

    For a noisy objective, `value` is biased towards lucky evaluations: evaluate the point again.

    Arguments:
        objective: a function of a tree like x0 that returns one number.
        x0: the starting point: a number, an array, a list of numbers (an array to the objective) or a tree of arrays.
        method: a method without gradients, such as `ARS(step=0.1)`, or an update rule; or a name that `fallline explain`
            lists in one of these families.
        maximize: whether to maximise the objective instead.
        evaluations: maximum number of evaluations of the objective, including failed ones.
        target: stop at this value or a better one.
        seed: seed of the method's random directions.
        processes: number of processes for a callable that JAX cannot trace, by default one per core; 0 calls it in this
            process, without a time limit. If a number is given, a traceable function is called instead of mapped, too.
        limit: time limit in seconds of one evaluation in a process.
        watch: called between chunks of iterations; the search stops if it returns True.

    Raises: FalllineError for an objective, x0, method, number of evaluations or other argument that is not valid.

    >>> from fallline.methods import ARS
    >>> from fallline.schedules import Cosine
    >>> found = minimize(lambda x: jnp.sum((x - 3.0) ** 2), np.zeros(2), ARS(step=Cosine(0.5), noise=0.01), evaluations=4000)
    >>> found.point.round(2).tolist(), found.outcome
    ([3.0, 3.0], 'evaluations')
    >>> found = minimize(lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, [-1.2, 1.0], "lbfgs", target=1e-12)
    >>> [round(x, 4) for x in found.point], found.outcome
    ([1.0, 1.0], 'target')
    """
    began = time.perf_counter()
    method = _method(method)
    origin = origin_of(x0)
    _check(objective, evaluations, target, seed, processes, limit, method, origin)
    bound = math.inf if target is None else float(target)
    bound = -bound if maximize or target is None else bound
    with origin.precision(), Interrupt() as interrupt:
        bounds = Bounds(evaluations, bound)
        run: _Run | Descender
        if isinstance(method, Optimizer):
            run = Descender(objective, method, origin, maximize, bounds, seed)
        else:
            run = _Run(_objective(objective, origin, maximize, processes, limit), method, origin, bounds, seed)
        try:
            ending = _to_the_end(run, interrupt, lambda seen: _report(watch, seen, evaluations, maximize, began))
        finally:
            run.function.close()
        return _optimum(run, ending, origin, maximize, time.perf_counter() - began)


class _Run:
    """A search in chunks: compiled if objective and method can be traced, otherwise one iteration at a time."""

    def __init__(self, function: Objective, method: Method, origin: Origin, bounds: Bounds, seed: int) -> None:
        self.function, self.bounds = function, bounds
        self.rows: list[Row] = []
        w = jnp.asarray(origin.vector)
        self.n, self.every = method.candidates(w.size), looks(method, w.size)
        self.method = as_arrays(method, origin.dtype)
        iterations = max(1, int((bounds.evaluations - 1) / (self.n + 1 / self.every)))
        state = method.start(w, jax.random.key(seed), iterations)
        self.walk = Walk(state, begun(w, function.values(origin.vector[None])[0]))
        self.program = self._one
        if isinstance(function, Mapped) and method.traceable:
            self.program = jax.jit(functools.partial(advance, function.rows))

    def advance(self, count: int) -> tuple[Row, Any]:
        """Run at most `count` iterations; return a row of history for each, and their number."""
        self.walk, rows, done = self.program(self.method, self.walk, self.bounds, jnp.int32(count))
        return rows, done

    def ending(self) -> Ending | None:
        """Why the search is over; None while it goes on."""
        seen = self.walk.seen
        if seen.best <= self.bounds.target:
            return "target"
        if not goes_on(seen, self.bounds, self.n):
            return "evaluations" if np.isfinite(seen.best) else "failed"
        return None

    def _one(self, method: Method, walk: Walk, bounds: Bounds, count: object) -> tuple[Walk, Row, Any]:
        """One iteration, with the objective, the method or both outside the compiled program."""
        x = np.asarray(method.ask(walk.state))
        f = self.function.values(x)
        state = method.tell(walk.state, f)
        look = bool(looking(walk.seen, bounds, int(state.iteration), self.n, self.every))
        value = self.function.values(np.asarray(state.point)[None])[0] if look else math.nan
        w = walk.seen.best_point.dtype
        seen, row = _recorded(walk.seen, x.astype(w), f.astype(w), state.point.astype(w), np.asarray(value, w), look)
        return Walk(state, seen), jax.tree.map(lambda leaf: leaf[None], row), jnp.int32(1)


_recorded = jax.jit(recorded)


def _to_the_end(run: _Run | Descender, interrupt: Interrupt, report: Callable[[BestSoFar], Any]) -> Ending:
    """Run chunk by chunk until the search ends, and return the reason."""
    pace = Pace(CAPACITY)

    def chunk(run: _Run | Descender) -> _Run | Descender:
        asked_at = time.perf_counter()
        rows, done = run.advance(pace.count)
        interrupt.wait(done)
        run.rows.append(jax.tree.map(lambda leaf: np.asarray(leaf)[: int(done)], rows))
        pace.took(time.perf_counter() - asked_at, int(done))
        return run

    _, why = drive(
        run,
        chunk,
        goal=lambda run: run.ending() or "",
        interrupt=interrupt,
        watch=lambda run: report(run.walk.seen),
    )
    return cast(Ending, why)


def _objective(
    f: Callable[[Any], Any], origin: Origin, maximize: bool, processes: int | None, limit: float | None
) -> Objective:
    if processes is None:
        try:
            return Mapped(f, origin, maximize)
        except FalllineError:
            raise
        except Exception:  # any error from NumPy or Python's control flow on a tracer; calls reveal genuine errors
            processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if processes == 0:
        return Called(f, origin, maximize)
    return Elsewhere(f, origin, maximize, count=processes, limit=limit)


def _method(method: Any) -> Method | Optimizer:
    if isinstance(method, str):
        known = {**family("optimizer"), **family("method")}
        if method not in known:
            raise FalllineError(f"method {method!r} is unknown: {nearest(method, known)}")
        method = known[method]()
    if not isinstance(method, Method | Optimizer):
        raise FalllineError(
            f"method = {method!r} is neither a method without gradients nor an update rule: expected one such as ARS(), "
            "Adam(0.1), or a name"
        )
    return method


def _check(
    objective: object,
    evaluations: object,
    target: object,
    seed: object,
    processes: object,
    limit: object,
    method: Method | Optimizer,
    origin: Origin,
) -> None:
    if not callable(objective):
        raise FalllineError(f"objective of type {type(objective).__name__} cannot be called: expected a function of x")
    if isinstance(method, Optimizer):
        check_rule(method, processes, limit)
        least, why = 1, "expected 1 or more"
    else:
        n = method.candidates(len(origin.vector))
        least, why = n + 2, f"expected {n + 2} or more, for {n} candidates, x0 and the point that they lead to"

    if not is_whole(evaluations) or not least <= evaluations < 2**31:
        raise FalllineError(f"evaluations = {evaluations!r} are not enough for one iteration: {why}")
    if target is not None and not isinstance(target, int | float | np.number):
        raise FalllineError(f"target = {target!r} is not a value of the objective: expected a number or None")
    check_seed(seed)
    if processes is not None and (not is_whole(processes) or processes < 0):
        raise FalllineError(f"processes = {processes!r} is not a number of processes: expected 0 or more, or None")
    if limit is not None and (not isinstance(limit, int | float) or not limit > 0):
        raise FalllineError(f"limit = {limit!r} is not a time: expected seconds above 0, or None")
    if limit is not None and processes == 0:
        raise FalllineError("limit needs a process that can be ended: leave processes out, or give 1 or more")


def _report(
    watch: Callable[[MinimizeProgress], Any] | None, seen: BestSoFar, most: int, maximize: bool, began: float
) -> Any:
    if watch is None:
        return None
    best = -float(seen.best) if maximize else float(seen.best)
    return watch(MinimizeProgress(int(seen.evaluations), most, time.perf_counter() - began, best))


def _optimum(run: _Run | Descender, ending: Ending, origin: Origin, maximize: bool, seconds: float) -> Optimum:
    seen, sign = run.walk.seen, -1.0 if maximize else 1.0
    columns = {name: np.concatenate([getattr(row, name) for row in run.rows] or [np.zeros(0)]) for name in Row._fields}
    for name in ("lowest", "value", "best"):
        columns[name] = sign * np.where(np.isfinite(columns[name]), columns[name], np.nan)
    best = float(seen.best)
    return Optimum(
        point=origin.found(np.asarray(seen.best_point)),
        value=sign * best if math.isfinite(best) else math.nan,
        evaluations=int(seen.evaluations),
        failures=int(seen.failures),
        reasons=dict(run.function.reasons),
        history={"iteration": np.arange(1, len(columns["best"]) + 1), **columns},
        outcome=ending,
        seconds=seconds,
        maximize=maximize,
    )
