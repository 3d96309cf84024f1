"""A worker process: one environment, whole rollouts, until its parent has no more or is gone."""

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

from fallline.core.errors import FalllineError

PARENT_SECONDS = 1.0  # between two looks at whether the parent is alive


def serve(handle: int, parent: int) -> None:
    """Answer messages on a connection: first the setup with (facts, ""), then every (number, task) with its rollout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.dup2(2, 1)  # what a simulator prints must not mix with what a command prints
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    connection = Connection(handle)
    try:
        _answer(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(connection: Connection) -> None:
    from fallline.control.environments import facts_of
    from fallline.control.rollouts import Roller, Setup, failed

    setup: Setup = cloudpickle.loads(connection.recv_bytes())
    try:
        roller = Roller(setup)
        connection.send((facts_of(roller.environment, setup.source), ""))
    except Exception as error:
        connection.send((None, _sentence(error)))
        return
    while True:
        number, task = connection.recv()
        try:
            result: Any = roller(task)
        except Exception as error:
            result = failed(_sentence(error))
        connection.send((number, result))


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, FalllineError) else f"{type(error).__name__}: {error}"


def _end_with(parent: int) -> None:
    """End this process with its parent, also from within an environment that never returns."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
