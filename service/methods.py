"""Methods that every address has: ``HEAD`` wherever there is ``GET``, and ``OPTIONS``; a 405 tells the right ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.security.prefix import path_below_prefix

_PAGES = {"/": ("get",), "/docs": ("get",), "/openapi.json": ("get",), "/static/.+": ("get",)}
_ALWAYS = ("OPTIONS",)


class Methods:
    """ASGI middleware that answers ``HEAD`` as ``GET`` without its body, and ``OPTIONS`` with what there is.

    Args:
        app: has ``GET`` and ``POST``.
        paths: returns the methods, small letters, by path as OpenAPI writes it.
    """

    def __init__(self, app: ASGIApp, paths: Callable[[], Mapping[str, Iterable[str]]]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            scope["method"] = "GET"
            try:
                await self._app(scope, receive, _without_body(send))
            finally:
                scope["method"] = "HEAD"  # as logs and metrics tell it
        elif scope["method"] == "OPTIONS" and (allowed := self._allowed(path_below_prefix(scope))):
            headers = [(b"allow", allowed.encode()), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body"})
        else:
            await self._app(scope, receive, self._told_if_not_allowed(scope, send))

    def _told_if_not_allowed(self, scope: Scope, send: Send) -> Send:
        path = path_below_prefix(scope)  # now, for a mounted application changes it

        async def send_with_methods(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                headers = [header for header in message["headers"] if header[0].lower() != b"allow"]
                message["headers"] = [*headers, (b"allow", self._allowed(path).encode())]
            await send(message)

        return send_with_methods

    def _allowed(self, path: str) -> str:
        found = next((methods for pattern, methods in self._table if pattern.fullmatch(path)), ())
        upper = {method.upper() for method in found}
        return ", ".join(sorted(upper | ({"HEAD"} if "GET" in upper else set()) | set(_ALWAYS))) if upper else ""

    @cached_property
    def _table(self) -> list[tuple[re.Pattern[str], Iterable[str]]]:
        return [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), tuple(methods))
            for path, methods in (*self._paths().items(), *_PAGES.items())
        ]


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
