"""The board as a web application: a page, its style and script, and the questions that the page asks."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fallline.board.curves import ThinnedCurves
from fallline.board.details import compared, details
from fallline.board.guard import Application, Guard
from fallline.board.index import Index
from fallline.board.searching import matches
from fallline.core.documents import to_json
from fallline.core.extras import optional
from fallline.report.document import stylesheet

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

MOST_RUNS, MOST_COLUMNS = 1000, 12  # that one answer draws
_FILES = {"board.css": "text/css", "board.js": "text/javascript"}


class Board:
    """The answers of the board, as plain data.

    Each takes a bounded time, and they are given one after the other in a single thread, which keeps memory small.

    Arguments:
        folder: the folder of runs.
    """

    def __init__(self, folder: Path) -> None:
        self.index = Index(folder)
        self.curves = ThinnedCurves(self.index)

    def runs(self, asked: "Request") -> dict[str, Any]:
        """What has changed in the list since a revision."""
        self.index.refresh()
        home = self.index.folder
        return {**self.index.since(_whole(asked, "since", 0)), "folder": str(home), "there": home.is_dir()}

    def search(self, asked: "Request") -> dict[str, Any]:
        """The runs that fit some words."""
        words = asked.query_params.get("q", "")
        return {"ids": [each.key for each in self.index.runs if matches(each, words)]}

    def drawn(self, asked: "Request") -> dict[str, Any]:
        """Curves of runs over each other."""
        self.index.refresh()
        keys, columns = _listed(asked, "ids")[:MOST_RUNS], _listed(asked, "columns")[:MOST_COLUMNS]
        return self.curves.answer(keys, columns, _whole(asked, "width", 600), asked.query_params.get("known", ""))

    def run(self, asked: "Request") -> dict[str, Any]:
        """One run in detail."""
        self.index.refresh()
        found = self.index.get(asked.query_params.get("id", ""))
        if found is None:
            return {"gone": True}
        version = str(found.revision)
        if version == asked.query_params.get("known"):
            return {"version": version, "same": True}
        return {"version": version, **details(found)}

    def compare(self, asked: "Request") -> dict[str, Any]:
        """Runs beside each other."""
        found = [each for key in _listed(asked, "ids") if (each := self.index.get(key)) is not None]
        return compared(found)

    def answer(self, question: Callable[["Request"], dict[str, Any]]) -> "Endpoint":
        """An endpoint that answers a question with JSON."""
        from starlette.responses import Response

        async def answered(request: "Request") -> Response:
            return Response(to_json(question(request), compact=True), media_type="application/json")

        return answered


def create_app(folder: Path, token: str, port: int) -> Application:
    """The application of a board.

    Arguments:
        folder: the folder of runs.
        token: the secret part of its address.
        port: the port of its address.

    Raises: FalllineError if Starlette is not installed.
    """
    applications = optional("starlette.applications", "board", "The board")
    routing = optional("starlette.routing", "board", "The board")
    board = Board(folder)
    questions = {"runs": board.runs, "search": board.search, "curves": board.drawn, "run": board.run,
                 "compare": board.compare}  # fmt: skip
    routes = [routing.Route(f"/api/{name}", board.answer(each)) for name, each in questions.items()]
    routes += [routing.Route(f"/{name}", _file(name, kind)) for name, kind in _FILES.items()]
    routes.append(routing.Route("/", _file("board.html", "text/html")))
    return Guard(applications.Starlette(routes=routes), token, port)


def _file(name: str, kind: str) -> "Endpoint":
    """An endpoint that answers with a file of this package."""
    from starlette.responses import Response

    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    content = (stylesheet() + text if name == "board.css" else text).encode()

    async def answered(request: "Request") -> Response:
        return Response(content, media_type=kind)

    return answered


def _listed(asked: "Request", name: str) -> list[str]:
    """The words of a parameter that is a list, each once."""
    return list(dict.fromkeys(filter(None, asked.query_params.get(name, "").split(","))))


def _whole(asked: "Request", name: str, otherwise: int) -> int:
    text = asked.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else otherwise
