"""Workers as processes on this machine, with one connection each; killed processes are replaced."""

import contextlib
import importlib
import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from fallline.core.errors import FalllineError
from fallline.workers.pool import Event, Workers

_SERVE = "import sys; sys.path[:] = sys.argv[2:]; from fallline.workers.processes import serve; serve(int(sys.argv[1]))"


class Processes(Workers):
    """`function(shared, item)` in processes that end with this one.

    Arguments:
        function: a module-level function, which the workers import by name. If its module has a function `prepare`, that is
            called with `shared` before the first item, outside any time limit.
        shared: first argument of the function; it is sent to every process once.
        count: number of processes.

    >>> from fallline.workers import finished
    >>> import operator
    >>> with Processes(operator.add, 10, count=1) as workers:
    ...     sorted(finished(workers, [1, 2]))
    [(0, 11), (1, 12)]
    """

    def __init__(self, function: Callable[[Any, Any], Any], shared: object, count: int) -> None:
        if count < 1:
            raise FalllineError(f"{count} processes can do nothing: expected 1 or more")
        self.count = self.ahead = count
        # Pickle is only used between the user's own processes, over a private pair of sockets, and never for files.
        self.hello = pickle.dumps((function.__module__, function.__qualname__, shared))
        self.processes: list[_Process] = []

    def slots(self) -> int:
        return self.count

    def start(self, item: object) -> Any:
        ticket = _Ticket(item)
        self._hand(ticket)
        return ticket

    def _hand(self, ticket: "_Ticket") -> None:
        """Give a ticket to the process that holds the fewest items."""
        least = min(self.processes, key=lambda each: len(each.tickets), default=None)
        if least is None or (least.tickets and len(self.processes) < self.count):
            least = _Process(self.hello)
            self.processes.append(least)
        ticket.process = least
        least.tickets.append(ticket)
        least.send(ticket.item)

    def events(self, tickets: Sequence[Any], timeout: float) -> list[Event]:
        for ticket in tickets:
            if ticket.process is None:
                self._hand(ticket)
        by_connection = {ticket.process.connection: ticket.process for ticket in tickets}
        found = []
        for ready in wait(list(by_connection), timeout):
            process = by_connection[ready]
            try:
                kind, value = process.connection.recv()
            except (EOFError, OSError):
                lost = process.tickets.popleft()
                self._end(process)
                found.append(Event(lost, "lost", f"its process ended with code {process.process.returncode}"))
                continue
            if kind == "failed":
                raise RuntimeError(f"a worker raised\n{value}")
            ticket = process.tickets[0] if kind == "begun" else process.tickets.popleft()
            found.append(Event(ticket, kind, value))
        return found

    def kill(self, ticket: Any) -> None:
        process = ticket.process
        if process is not None and ticket in process.tickets:  # otherwise its result has already arrived
            process.tickets.remove(ticket)
            self._end(process)

    def _end(self, process: "_Process") -> None:
        """End a process; its queued tickets are handed to another one when their events are next requested."""
        process.end()
        self.processes.remove(process)
        for ticket in process.tickets:
            ticket.process = None

    def close(self) -> None:
        for process in self.processes:
            process.end()
        self.processes.clear()


class _Ticket:
    """An item, and the process that holds it."""

    def __init__(self, item: object) -> None:
        self.item = item
        self.process: _Process | None = None


class _Process:
    """A worker process, the connection to it, and its tickets, of which the first is being worked on."""

    def __init__(self, hello: bytes) -> None:
        self.tickets: deque[_Ticket] = deque()
        ours, theirs = socket.socketpair()
        with theirs:
            # A separate process group, so that only the driver receives Ctrl-C.
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(theirs.fileno()), *sys.path],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.connection = Connection(ours.detach())
        self._try(lambda: self.connection.send_bytes(hello))

    def send(self, item: object) -> None:
        self._try(lambda: self.connection.send(item))

    def _try(self, send: Callable[[], None]) -> None:
        # If an idle process has died, this is noticed when its result is awaited.
        with contextlib.suppress(OSError):
            send()

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


def serve(handle: int) -> None:
    """The main loop of a worker: process items from a connection until it is closed."""
    import traceback

    os.environ["JAX_NUM_CPU_DEVICES"] = "1"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # on a GPU, the first worker would take its memory
    connection = Connection(handle)
    try:
        module, name, shared = pickle.loads(connection.recv_bytes())
        home = importlib.import_module(module)
        function = getattr(home, name)
        getattr(home, "prepare", lambda shared: None)(shared)
        while True:
            item = connection.recv()
            connection.send(("begun", None))
            try:
                answer = ("done", function(shared, item))
            except FalllineError as error:
                answer = ("refused", str(error))
            except Exception:
                answer = ("failed", traceback.format_exc())
            connection.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
