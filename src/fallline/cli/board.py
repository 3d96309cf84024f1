"""`fallline board`: a local page that follows the runs in a folder as they train."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.output import say

Opt = typer.Option


def board(
    folder: Annotated[Path, typer.Argument(help="folder of runs, or one run")] = Path("runs"),
    port: Annotated[int, Opt(help="port on this machine; 0: a free one")] = 0,
    browser: Annotated[bool, Opt("--open/--no-browser", help="open the page in a browser")] = False,
) -> int:
    """Follow runs, studies and policies on a local page.

    The page can be opened on this machine only, by the address that is printed. Ctrl-C ends it; the runs go on.
    """
    from fallline.board.server import serve

    def told(address: str) -> None:
        say(f"The board follows the runs in {folder}. Ctrl-C ends it; the runs go on.")
        print(address, flush=True)
        if browser:
            _open(address)

    serve(folder, port, told)
    return 0


def _open(address: str) -> None:
    """Open the address in a browser; some browsers return only when they are closed."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
