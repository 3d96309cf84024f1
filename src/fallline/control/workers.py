"""Rollouts in persistent worker processes.

A result depends on its task alone, so it is the same for any number of workers. A worker that dies is replaced and its
rollouts run again; one that hangs is ended after a time limit, which costs that rollout and no other.
"""

import collections
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection, wait
from types import TracebackType

from fallline.control.environments import Facts, require_gymnasium
from fallline.control.rollouts import Rollout, Setup, Task, failed
from fallline.core.errors import FalllineError

AHEAD = 2  # tasks that a worker holds: it never waits for its parent between two short episodes
DEATHS = 3  # of workers on one task before it counts as failed
START_SECONDS = 120.0  # for a worker to open its environment
LOOK = 0.5  # seconds between two looks at the time limits

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Workers:
    """Worker processes with an environment each; used in a `with` block.

    Arguments:
        setup: the environment, and what limits a rollout.
        count: how many processes; None: one per core that this process may use.
        timeout: seconds that a rollout may take; time in which this process itself stood still does not count.

    Raises: FalllineError where the environment cannot be opened.
    """

    def __init__(self, setup: Setup, count: int | None = None, timeout: float = 300.0) -> None:
        require_gymnasium()
        import cloudpickle

        self.setup, self.timeout = setup, timeout
        self.message = cloudpickle.dumps(setup)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.workers = [_Worker(self.message) for _ in range(count or cores)]
        self.restarts = 0
        try:
            self.facts: Facts = [each.ready() for each in self.workers][-1]  # every one is waited for
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def collect(self, tasks: Iterable[Task]) -> list[Rollout]:
        """The rollouts of all tasks, in their order."""
        tasks = list(tasks)
        waiting = collections.deque(range(len(tasks)))
        deaths: collections.Counter[int] = collections.Counter()
        found: dict[int, Rollout] = {}
        looked = time.monotonic()
        while len(found) < len(tasks):
            for each in self.workers:
                while waiting and len(each.tasks) < AHEAD:
                    number = waiting.popleft()
                    each.send(number, tasks[number])
            ready = wait([each.connection for each in self.workers if each.tasks], LOOK)
            now = time.monotonic()
            # Longer than that, and this process was stopped or asleep, and the workers perhaps with it.
            passed, looked = min(now - looked, 2 * LOOK), now
            for each in [each for each in self.workers if each.tasks]:
                if each.connection in ready:
                    answer = each.receive()
                    if answer is not None:
                        found[answer[0]] = answer[1]
                        continue
                    deaths[each.tasks[0]] += 1
                    reason = f"{DEATHS} worker processes died of it" if deaths[each.tasks[0]] == DEATHS else ""
                else:
                    each.seconds += passed
                    if each.seconds <= self.timeout:
                        continue
                    reason = f"it took longer than {self.timeout:g} s"
                if reason:
                    found[each.tasks.pop(0)] = failed(reason)
                waiting.extendleft(reversed(each.tasks))
                self._replace(each)
        return [found[index] for index in range(len(tasks))]

    def _replace(self, worker: "_Worker") -> None:
        worker.end()
        self.restarts += 1
        new = _Worker(self.message)
        self.workers[self.workers.index(worker)] = new
        new.ready()

    def close(self) -> None:
        """End the workers."""
        for each in self.workers:
            each.end()


class _Worker:
    """A process, the connection to it, and the tasks that it holds, the one at work first."""

    def __init__(self, message: bytes) -> None:
        ours, theirs = socket.socketpair()
        # Not multiprocessing's spawn: that imports the caller's script again, which then needs a guard.
        environment = {
            **os.environ,
            **ONE_THREAD,
            "PYTHONPATH": os.pathsep.join(each or os.getcwd() for each in sys.path),
        }
        command = [sys.executable, "-m", "fallline.control.worker", str(theirs.fileno()), str(os.getpid())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL)
        theirs.close()
        self.connection = Connection(ours.detach())
        self.connection.send_bytes(message)
        self.tasks: list[int] = []
        self.seconds = 0.0

    def ready(self) -> Facts:
        """Wait until the environment is open."""
        try:
            if not self.connection.poll(START_SECONDS):
                raise FalllineError(f"the environment did not open within {START_SECONDS:g} s: try it by itself")
            facts, problem = self.connection.recv()
        except (EOFError, OSError):
            raise FalllineError("a worker process died while it opened the environment: try it by itself") from None
        if problem:
            raise FalllineError(problem)
        return facts

    def send(self, number: int, task: Task) -> None:
        """Hand over a task; a worker that has died shows at the next look at its connection."""
        self.tasks.append(number)
        with contextlib.suppress(OSError):
            self.connection.send((number, task))

    def receive(self) -> tuple[int, Rollout] | None:
        """An answer, or none from a worker that has died."""
        try:
            number, rollout = self.connection.recv()
        except (EOFError, OSError):
            return None
        self.tasks.remove(number)
        self.seconds = 0.0
        return number, rollout

    def end(self) -> None:
        """Kill the process: it holds nothing that is worth keeping."""
        self.connection.close()
        self.process.kill()
        self.process.wait()
