"""Processes on Ray that run one compiled program together: a client of JAX that has one device in each of them."""

import math
import socket
import time
from collections.abc import Callable
from typing import Any

from fallline.core.errors import FalllineError
from fallline.workers.cluster import LOOK, join, ray_package

POLL = 0.2  # seconds between two checks of the clock; signals are handled in between
MEETING = 120  # seconds in which the processes must have found each other
LEAST = 60.0  # seconds after which a call counts as hung, if none has been timed
GRACE = 3.0  # seconds in which the death of the process that caused an error becomes known
WORKING = {  # the environment of a process: one core, as Ray counts them
    "JAX_PLATFORMS": "cpu",
    "JAX_NUM_CPU_DEVICES": "1",
    "NPROC": "1",  # threads of XLA's pool
}


class GroupLostError(Exception):
    """A process of the group is gone or hangs; the others cannot go on without it."""


class WorkerGroup:
    """Processes on Ray, each with one core, that make every call together.

    If one of them is lost, all of them end, and `start` begins anew. Then the processes share what cores are left.

    Arguments:
        make: makes what a process calls, from the message; Fallline must be installed on its machine.
        message: argument of `make`; it is put into Ray's object store once.
        count: number of processes.
        address: as for `Ray`.

    Raises: FalllineError without the extra `ray`, for a cluster that does not respond, and for one with fewer cores.
    """

    def __init__(self, make: Callable[[Any], Any], message: object, count: int, address: str | None = None) -> None:
        self.ray, self.count = ray_package(), count
        self.members: list[Any] = []
        self.slowest = 0.0
        self.ours = not self.ray.is_initialized()
        if self.ours:
            join(self.ray, address)
        try:
            cores = self._cores()
            if cores < count:
                raise FalllineError(
                    f"{count} workers need a core each, and Ray has {cores:g}: ask for at most {max(1, int(cores))} workers, "
                    "or add machines to the cluster"
                )
            self.make, self.message = self.ray.put(make), self.ray.put(message)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Begin the processes, once more if they were lost.

        Raises: GroupLostError if one of them is lost before all have found each other.
        """
        self.end()
        share = math.floor(100 * min(1.0, self._cores() / self.count)) / 100
        self.share = max(share, 0.01)
        actor = self.ray.remote(
            num_cpus=self.share, max_restarts=0, max_task_retries=0, runtime_env={"env_vars": WORKING}
        )(_Member)
        self.members = [actor.remote() for _ in range(self.count)]
        meeting = self._wait([self.members[0].meeting.remote()], math.inf)[0]
        joined = [
            each.join.remote(meeting, self.count, rank, self.make, self.message)
            for rank, each in enumerate(self.members)
        ]
        self._wait(joined, math.inf)

    def call(self, name: str, *arguments: object) -> Any:
        """Call a method of all processes, and return the answer of the first one.

        Raises: GroupLostError if one of them is lost or hangs, FalllineError for a refusal.
        """
        began, limit = time.monotonic(), max(LEAST, 10 * self.slowest) if self.slowest else math.inf
        found = self._wait([each.call.remote(name, *arguments) for each in self.members], limit)[0]
        self.slowest = max(self.slowest, time.monotonic() - began)
        return found

    def end(self) -> None:
        """End the processes."""
        for each in self.members:
            self.ray.kill(each, no_restart=True)
        self.members = []

    def close(self) -> None:
        """End the processes, and Ray if it was started here."""
        self.end()
        if self.ours:
            self.ray.shutdown()

    def _cores(self) -> float:
        return float(self.ray.cluster_resources().get("CPU", 0.0))

    def _wait(self, answers: list[Any], limit: float) -> list[Any]:
        """The answers in their order, as soon as all are there; the first loss ends the waiting."""
        found, left = dict[Any, Any](), list(answers)
        began = looked = time.monotonic()
        while left:
            ready, left = self.ray.wait(left, num_returns=1, timeout=POLL)
            for each in ready:
                found[each] = self._answer(each, left)
            now = time.monotonic()
            if now - began > limit:
                raise GroupLostError(f"it took longer than {limit:.3g} s")
            if now - looked > LOOK:
                looked = now
                if self._cores() + 0.01 < self.count * self.share:
                    raise GroupLostError("a machine has left the cluster")
        return [found[each] for each in answers]

    def _answer(self, answer: Any, left: list[Any]) -> Any:
        errors = self.ray.exceptions
        try:
            kind, value = self.ray.get(answer)
        except errors.RayTaskError as error:
            cause = error.as_instanceof_cause()
            if type(error.cause).__name__ != "JaxRuntimeError":
                raise cause from None
            # A collective fails in those that are left: the name of the error of the process that died says more.
            raise GroupLostError(self._death(left) or str(error.cause).splitlines()[0]) from None
        except errors.RayError as error:
            raise GroupLostError(f"of Ray's {type(error).__name__}") from None
        if kind == "refused":
            raise FalllineError(value)
        return value

    def _death(self, left: list[Any]) -> str:
        """The reason why another process is gone; empty if none is."""
        for each in self.ray.wait(left, num_returns=len(left), timeout=GRACE)[0] if left else ():
            try:
                self.ray.get(each)
            except self.ray.exceptions.RayTaskError:
                continue
            except self.ray.exceptions.RayError as error:
                return f"of Ray's {type(error).__name__}"
        return ""


class _Member:
    """An actor of Ray: one process of the group."""

    def meeting(self) -> tuple[str, str]:
        """The address at which the processes meet, on this process's machine."""
        import ray

        tools: Any = ray.util
        with socket.socket() as free:
            free.bind(("", 0))
            return "done", f"{tools.get_node_ip_address()}:{free.getsockname()[1]}"

    def join(
        self, meeting: str, count: int, rank: int, make: Callable[[Any], Any], message: object
    ) -> tuple[str, str | None]:
        """Become one of the processes of JAX's client, and make what is called."""
        import jax

        from fallline.core.runtime import configure

        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(meeting, count, rank, initialization_timeout=MEETING)
        configure()
        return self._answered(lambda: self._make(make, message))

    def _make(self, make: Callable[[Any], Any], message: object) -> None:
        self.made = make(message)

    def call(self, name: str, *arguments: object) -> tuple[str, Any]:
        """Call a method of what was made."""
        return self._answered(lambda: getattr(self.made, name)(*arguments))

    def _answered(self, deed: Callable[[], Any]) -> tuple[str, Any]:
        try:
            return "done", deed()
        except FalllineError as error:
            return "refused", str(error)
