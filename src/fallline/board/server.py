"""Serves the board on this machine alone."""

import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fallline.core.errors import FalllineError
from fallline.core.extras import optional

if TYPE_CHECKING:
    from uvicorn import Server

HOST = "127.0.0.1"
WAITING = 2  # seconds that open requests get when the board ends
AT_ONCE = 64  # connections


def serve(folder: Path, port: int, told: Callable[[str], None]) -> None:
    """Serve the board of a folder until Ctrl-C.

    Arguments:
        folder: the folder of runs.
        port: the port; 0 for a free one.
        told: is told the address when the board can be opened.

    Raises: FalllineError if the folder is not there, the port is taken, or Starlette or uvicorn is not installed.
    """
    for each in ("uvicorn", "starlette"):
        optional(each, "board", "The board")
    if not folder.is_dir():
        raise FalllineError(f"there is no folder {str(folder)!r}: expected a folder of runs, such as runs")
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # single columns are read: more threads only take memory
    with bound(port) as listening:
        server, address = server_of(folder, listening)
        told(address)
        server.run(sockets=[listening])


def server_of(folder: Path, listening: socket.socket) -> tuple["Server", str]:
    """A server that can be run, and the address of its page with a new token.

    Arguments:
        folder: the folder of runs.
        listening: a socket that listens, see `bound`.

    Raises: FalllineError if Starlette or uvicorn is not installed.
    """
    uvicorn = optional("uvicorn", "board", "The board")
    import polars  # noqa: F401  (before the first question, which would wait for it)

    from fallline.board.app import create_app

    port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
    config = uvicorn.Config(
        create_app(folder, token, port), http="h11", ws="none", lifespan="off", loop="asyncio", log_config=None,
        access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=WAITING,
        limit_concurrency=AT_ONCE,
    )  # fmt: skip
    return uvicorn.Server(config), f"http://{HOST}:{port}/{token}/"


def bound(port: int) -> socket.socket:
    """A socket that listens, so that the address can be opened from now on.

    Raises: FalllineError for a port that is none, or that cannot be used.
    """
    if not 0 <= port < 2**16:
        raise FalllineError(f"--port {port}: expected a number from 0, for a free port, to 65535")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(AT_ONCE)
    except OSError as error:
        listening.close()
        raise FalllineError(f"port {port} cannot be used: {error.strerror}; choose another with --port") from None
    return listening
