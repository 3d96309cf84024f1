"""Lets only the page that was opened with the token ask the board, and only read: a layer below the application."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
NAMES = ("127.0.0.1", "localhost", "[::1]")  # of this machine, as a browser may call it


class Guard:
    """Refuses everything but readings of its own page.

    A page of another site cannot know the token. The Host header keeps out names that lead here by rebinding; Origin and
    Sec-Fetch-Site keep out requests that another site's page makes; other methods than GET and HEAD do not exist.

    Arguments:
        inner: the application, which sees paths without the token.
        token: the first part of every path.
        port: the port of the address.
    """

    def __init__(self, inner: Application, token: str, port: int) -> None:
        self.inner, self.token = inner, token.encode()
        self.hosts = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        code, reason = self._refused(scope, headers)
        if code:
            await _answer(_with_headers(send), code, reason)
            return
        path = _parted(scope["path"])[1]
        if "/" not in scope["path"][1:]:  # the page's own addresses are relative
            await _answer(_with_headers(send), 308, "the board is one folder further", f"{scope['path']}/")
            return
        inside = {**scope, "path": path, "raw_path": path.encode("utf-8", "replace"), "root_path": ""}
        await self.inner(inside, receive, _with_headers(send))

    def _refused(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str]:
        """The status and the reason of a refusal; 0 if there is none."""
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "the board can only be read"
        if headers.get("host", "").lower() not in self.hosts:
            return 403, "the board answers only to its own address on this machine"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self.hosts}:
            return 403, "the board answers only to its own page"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return 403, "the board answers only to its own page"
        if not secrets.compare_digest(_parted(scope["path"])[0].encode("utf-8", "replace"), self.token):
            return 403, "this is not the address of the board that runs now: open the one that it has printed"
        return 0, ""


def _parted(path: str) -> tuple[str, str]:
    """The token and the rest of a path.

    >>> _parted("/abc/api/runs"), _parted("/abc")
    (('abc', '/api/runs'), ('abc', '/'))
    """
    token, _, rest = path.removeprefix("/").partition("/")
    return token, f"/{rest}"


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            kept = [each for each in message.get("headers", []) if each[0].decode("latin-1").lower() not in HEADERS]
            message = {**message, "headers": [*kept, *own]}
        await send(message)

    return sending


async def _answer(send: Send, code: int, reason: str, place: str = "") -> None:
    body = f"{reason[0].upper()}{reason[1:]}.\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if place:
        headers.append((b"location", place.encode("ascii")))
    if code == 405:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
