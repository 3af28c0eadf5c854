"""The path that a proxy serves this service under: the page, thumbnails and documentation are below it."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def is_prefix(path: str) -> bool:
    """Tell whether a path can stand before all others: no part of it is empty or needs quoting."""
    return bool(_PREFIX.fullmatch(path)) and ".." not in path.split("/")


def path_below_prefix(scope: Scope) -> str:
    """Return the path of a request without the prefix, before a mounted application has changed it."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path or "/"


class ForwardedPrefix:
    """ASGI middleware that takes ``X-Forwarded-Prefix`` from trusted proxies, and else the service's own setting.

    It has to see the proxy's own address: it stands before what replaces that by the client's.
    """

    def __init__(self, app: ASGIApp, trusted: Collection[str], root_path: str = "") -> None:
        self._app = app
        self._trusted = frozenset(trusted)
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and (prefix := self._told(scope) or self._root_path):
            scope["root_path"] = prefix
            if not f"{scope['path']}/".startswith(f"{prefix}/"):  # the proxy took it away, and ASGI wants it there
                scope["path"] = prefix + scope["path"]
                scope["raw_path"] = prefix.encode() + scope.get("raw_path", b"")
        await self._app(scope, receive, send)

    def _told(self, scope: Scope) -> str:
        client = scope.get("client")
        if "*" not in self._trusted and (client is None or client[0] not in self._trusted):
            return ""
        prefix = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
        return prefix if is_prefix(prefix) else ""
