"""Workers that are tasks of Ray: on this machine, or on a cluster."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fallline.core.errors import FalllineError
from fallline.core.extras import optional
from fallline.workers.pool import Event, Workers

LOOK = 2.0  # seconds between two questions of how large the cluster is
BEGUN = "begun"


class Ray(Workers):
    """`function(shared, item)` as tasks of Ray, one CPU each, retried by `finished` and not by Ray.

    A task computes with one JAX device whatever machine it runs on, so that a result does not depend on where.

    Arguments:
        function: what the workers do; fallline must be installed where they are.
        shared: put into Ray's object store once.
        address: of a running cluster, `HOST:PORT` or `auto`. None: the Ray that this process already uses, or that
            RAY_ADDRESS names, or else a new one on this machine, without a dashboard and closed to others by a token.

    Raises: FalllineError without the extra `ray`, and for a cluster that does not answer.
    """

    def __init__(self, function: Callable[[Any, Any], Any], shared: object, address: str | None = None) -> None:
        self.ray = _ray()
        self.ours = not self.ray.is_initialized()
        if self.ours:
            _join(self.ray, address or os.environ.get("RAY_ADDRESS"))
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

    def kill(self, ticket: object) -> None:
        self.ray.cancel(ticket, force=True)

    def close(self) -> None:
        if self.ours:
            self.ray.shutdown()


def _work(function: Callable[[Any, Any], Any], shared: object, item: object) -> Iterator[Any]:
    """A task: says that it has begun, so that waiting for a worker is not taken for hanging, then what came out."""
    os.environ["JAX_NUM_CPU_DEVICES"] = "1"
    yield BEGUN
    try:
        yield "done", function(shared, item)
    except FalllineError as error:
        yield "refused", str(error)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    return optional("ray", "ray", "working on Ray")


def _join(ray: Any, address: str | None) -> None:
    if address is not None and address.startswith("ray://"):
        raise FalllineError(
            f"Ray address {address!r} is a client's: expected HOST:PORT of the cluster's head, or 'auto'"
        )
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        with warnings.catch_warnings():
            # JAX warns of any fork; Ray's are to run another program at once.
            warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
            if address is None:
                # Since 2.60 a Ray that is begun here asks for a token; RAY_AUTH_MODE is the person's to say.
                ray.init(address="local", include_dashboard=False, **quiet)
            else:
                ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FalllineError(f"Ray at {address or 'this machine'} cannot be used: {reason}") from None
