"""API keys: where any is set, every request needs one, but for the page, its files and the health checks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import SemblanceError
from service.security.prefix import path_below_prefix

_OPEN_PATHS = frozenset({"/", "/livez", "/readyz", "/docs", "/openapi.json"})
_OPEN_FOLDER = "/static/"


class KeyRefusedError(SemblanceError):
    """The request has no key, or a wrong one."""


class KeyGuard:
    """ASGI middleware that lets a request pass with ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``."""

    def __init__(self, app: ASGIApp, keys: Iterable[str]) -> None:
        self._app = app
        self._digests = [_digest(key) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on.

        Raises:
            KeyRefusedError: it needs a key, and has none or a wrong one.
        """
        if scope["type"] == "http" and self._digests and not _is_open(path_below_prefix(scope)):
            self._check(Headers(scope=scope))
        await self._app(scope, receive, send)

    def _check(self, headers: Headers) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        if not given:
            raise KeyRefusedError("This service asks for a key: send Authorization: Bearer KEY, or X-API-Key: KEY.")
        # all keys are compared, in constant time: the time tells neither how many there are nor how near a guess is
        matches = [hmac.compare_digest(_digest(given), digest) for digest in self._digests]
        if not any(matches):
            raise KeyRefusedError("This key is not one of the service's.")


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
