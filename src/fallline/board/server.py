"""Serves the board on this machine alone."""

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from fallline.core.errors import FalllineError
from fallline.core.extras import optional

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
    uvicorn = optional("uvicorn", "board", "The board")
    optional("starlette", "board", "The board")
    import polars  # noqa: F401  (before the first question, which would wait for it)

    from fallline.board.app import create_app

    if not folder.is_dir():
        raise FalllineError(f"there is no folder {str(folder)!r}: expected a folder of runs, such as runs")
    with _bound(port) as listening:
        found = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        config = uvicorn.Config(
            create_app(folder, token, found), http="h11", ws="none", lifespan="off", loop="asyncio", log_config=None,
            access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=WAITING,
            limit_concurrency=AT_ONCE,
        )  # fmt: skip
        told(f"http://{HOST}:{found}/{token}/")
        uvicorn.Server(config).run(sockets=[listening])


def _bound(port: int) -> socket.socket:
    """A socket that listens, so that the address can be opened from now on."""
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
