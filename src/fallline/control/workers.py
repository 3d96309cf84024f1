"""Rollouts on processes of this machine or on a Ray cluster, with one environment per worker.

A result depends only on its task, so it is the same for any number of workers. If a worker dies, its rollout is run
again. A worker that hangs is ended after a time limit, which only costs its rollout.
"""

import collections
import functools
import os
import threading
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from fallline.control.environments import EnvironmentFacts, facts_of, require_gymnasium
from fallline.control.rollouts import Roller, Rollout, Setup, Task, failed
from fallline.core.errors import FalllineError
from fallline.workers import Workers as Pool

DEATHS = 3  # deaths of workers on one task after which it counts as failed
LOOK = 0.5  # seconds between two checks of the time limits
MESSAGE = 1 << 16  # most bytes of params that are sent ahead of time
PARENT_SECONDS = 1.0  # seconds between two checks that the parent is alive


class RolloutWorkers:
    """Workers with one environment each, for use in a `with` block.

    Arguments:
        setup: the environment, and the limits of a rollout.
        count: number of processes; None: one per core that this process may use. Ray uses its own number.
        timeout: time limit of a rollout in seconds; time during which this process was suspended does not count.
        ray: None for processes on this machine; otherwise the address of a Ray cluster, or "" to start Ray here.

    Raises: FalllineError if the environment cannot be opened, or if Ray cannot be used.
    """

    def __init__(self, setup: Setup, count: int | None = None, timeout: float = 300.0, ray: str | None = None) -> None:
        require_gymnasium()
        import cloudpickle

        self.timeout, self.restarts = timeout, 0
        message = cloudpickle.dumps(setup)
        if ray is None:
            from fallline.workers.processes import Processes

            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            self.pool: Pool = Processes(roll, message, count or cores)
        else:
            from fallline.workers.cluster import Ray

            self.pool = Ray(roll, message, ray or None)
        try:
            self.facts: EnvironmentFacts = self._results([None])[0]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "RolloutWorkers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def collect(self, tasks: Iterable[Task]) -> list[Rollout]:
        """The rollouts of all tasks, in their order."""
        return self._results(list(tasks))

    def _results(self, items: list[Any]) -> list[Any]:
        waiting = collections.deque(range(len(items)))
        deaths: collections.Counter[int] = collections.Counter()
        found: dict[int, Rollout] = {}
        running: dict[Any, int] = {}
        seconds: dict[Any, float] = {}  # elapsed since each ticket was begun
        looked = time.monotonic()
        try:
            while len(found) < len(items):
                while waiting and len(running) < self._room(waiting, items):
                    index = waiting.popleft()
                    running[self.pool.start(items[index])] = index
                events = self.pool.events(list(running), LOOK)
                now = time.monotonic()
                # If more time has passed, this process was suspended, and the workers perhaps too.
                passed, looked = min(now - looked, 2 * LOOK), now
                seconds = {ticket: spent + passed for ticket, spent in seconds.items()}
                for ticket, kind, value in events:
                    if kind == "begun":
                        seconds[ticket] = 0.0
                        continue
                    index = running.pop(ticket)
                    seconds.pop(ticket, None)
                    if kind == "done":
                        found[index] = value
                    elif kind == "refused":
                        raise FalllineError(value)
                    else:
                        self.restarts += 1
                        deaths[index] += 1
                        if deaths[index] < DEATHS:
                            waiting.appendleft(index)
                        elif items[index] is None:
                            raise FalllineError(
                                f"workers die where they open the environment ({value}): try it by itself"
                            )
                        else:
                            found[index] = failed(f"{DEATHS} workers died of it")
                for ticket in [ticket for ticket, spent in seconds.items() if spent > self.timeout]:
                    self.restarts += 1
                    del seconds[ticket]
                    found[running.pop(ticket)] = failed(f"it took longer than {self.timeout:g} s")
                    self.pool.kill(ticket)
        finally:
            for ticket in running:
                self.pool.kill(ticket)
        return [found[index] for index in range(len(items))]

    def _room(self, waiting: Sequence[int], items: list[Any]) -> int:
        """How many rollouts may be submitted at the moment.

        A worker with a queued rollout does not wait for a message. The last rollouts are only given to free workers, so that
        none queues behind a long one. Messages too large for a socket's buffer are not sent ahead, since this process would
        block.
        """
        slots, item = self.pool.slots(), items[0]
        few = len(waiting) <= 2 * slots or item is None or item.point.nbytes > MESSAGE
        return slots if few else slots + self.pool.ahead

    def close(self) -> None:
        """End the workers."""
        self.pool.close()


def roll(message: bytes, task: Task | None) -> Rollout | EnvironmentFacts:
    """The task of a worker: one rollout, or, without a task, the facts of its environment."""
    roller, setup = _opened(message)
    if task is None:
        return facts_of(roller.environment, setup.source)
    try:
        return roller(task)
    except Exception as error:  # whatever the environment's own code raises
        return failed(" ".join(f"{type(error).__name__}: {error}".split()))


def prepare(message: bytes) -> None:
    """Open the environment before a process's first rollout; the rollout itself reports any error."""
    os.dup2(2, 1)  # keep a simulator's output apart from the command's output
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        _opened(message)
    except FalllineError:
        return


@functools.lru_cache(maxsize=1)
def _opened(message: bytes) -> tuple[Roller, Setup]:
    import cloudpickle
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)  # a policy's products are small, so more threads would only slow it down
    setup: Setup = cloudpickle.loads(message)
    return Roller(setup), setup


def _end_with(parent: int) -> None:
    """End this process when its parent ends, even if an environment never returns."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(0)
