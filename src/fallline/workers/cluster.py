"""Workers as Ray tasks, on this machine or on a cluster."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fallline.core.errors import FalllineError
from fallline.core.extras import optional
from fallline.workers.pool import Event, Workers

LOOK = 2.0  # seconds between two checks of the cluster's size
BEGUN = "begun"


class Ray(Workers):
    """`function(shared, item)` as Ray tasks of one CPU each, retried by `finished` instead of by Ray.

    A task computes with one JAX device on any machine, so that results do not depend on where it runs.

    Arguments:
        function: the function that workers call; Fallline must be installed on their machines.
        shared: first argument of the function; it is put into Ray's object store once.
        address: address of a running cluster, `HOST:PORT` or `auto`. None: the Ray instance that this process already
            uses, or the one that RAY_ADDRESS names, or a new one on this machine, without a dashboard and protected by a
            token.

    Raises: FalllineError without the extra `ray`, and for a cluster that does not respond.
    """

    def __init__(self, function: Callable[[Any, Any], Any], shared: object, address: str | None = None) -> None:
        self.ray = ray_package()
        self.ours = not self.ray.is_initialized()
        if self.ours:
            join(self.ray, address)
        self.task = self.ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")(_work)
        self.function, self.shared = self.ray.put(function), self.ray.put(shared)
        self.size, self.looked = 1, -LOOK

    def slots(self) -> int:
        if time.monotonic() - self.looked > LOOK:
            self.size = max(1, int(self.ray.cluster_resources().get("CPU", 1)))
            self.looked = time.monotonic()
        return self.size

    def start(self, item: object) -> Any:
        return self.task.remote(self.function, self.shared, item)

    def events(self, tickets: Sequence[Any], timeout: float) -> list[Event]:
        ready, _ = self.ray.wait(list(tickets), num_returns=1, timeout=timeout)
        return [self._event(ticket) for ticket in ready]

    def _event(self, ticket: Any) -> Event:
        errors = self.ray.exceptions
        try:
            value = self.ray.get(next(ticket))
        except errors.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except (errors.RayError, StopIteration) as error:
            return Event(ticket, "lost", f"of Ray's {type(error).__name__}")
        return Event(ticket, "begun") if value == BEGUN else Event(ticket, *value)

    def kill(self, ticket: Any) -> None:
        self.ray.cancel(ticket, force=True)

    def close(self) -> None:
        if self.ours:
            self.ray.shutdown()


def _work(function: Callable[[Any, Any], Any], shared: object, item: object) -> Iterator[Any]:
    """A task: report that it has begun, so that queueing does not count as hanging, then return the result."""
    os.environ["JAX_NUM_CPU_DEVICES"] = "1"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # on a GPU, the first task would take its memory
    yield BEGUN
    try:
        yield "done", function(shared, item)
    except FalllineError as error:
        yield "refused", str(error)


def ray_package() -> Any:
    """The package `ray`.

    Raises: FalllineError if it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    return optional("ray", "ray", "working on Ray")


def join(ray: Any, address: str | None) -> None:
    """Connect this process to the cluster at an address, or that RAY_ADDRESS names, or to a new one on this machine.

    Raises: FalllineError for a cluster that does not respond.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    if address is not None and address.startswith("ray://"):
        raise FalllineError(
            f"Ray address {address!r} is a client's: expected HOST:PORT of the cluster's head, or 'auto'"
        )
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        with warnings.catch_warnings():
            # JAX warns about every fork, but Ray's forks immediately run another program.
            warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
            if address is None:
                # Since 2.60 a locally started Ray requires a token; RAY_AUTH_MODE is left to the user.
                ray.init(address="local", include_dashboard=False, **quiet)
            else:
                ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FalllineError(f"Ray at {address or 'this machine'} cannot be used: {reason}") from None
