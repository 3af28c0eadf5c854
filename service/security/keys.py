"""API keys: where any is set, every request needs one, but for the page, its files and the health checks."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import SemblanceError
from service.security.access import EVERYTHING, Access, Key, digest_of, grant
from service.security.prefix import path_below_prefix
from service.security.rate import TokenBucket

_OPEN_PATHS = frozenset({"/", "/livez", "/readyz", "/docs", "/openapi.json"})
_OPEN_FOLDER = "/static/"


class KeyRefusedError(SemblanceError):
    """The request has no key, or a wrong one."""


class KeyGuard:
    """ASGI middleware that lets a request pass with ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``.

    Args:
        app: that is guarded; it learns by ``current_access`` what a request may do.
        keys: of which a request needs one.
        per_minute: requests that each key may make; 0 for any number.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[Key], per_minute: int = 0) -> None:
        self._app = app
        self._keys = keys
        self._buckets = {key.access.name: TokenBucket(per_minute) for key in keys} if per_minute else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on.

        Raises:
            KeyRefusedError: it needs a key, and has none or a wrong one.
            TooManyRequestsError: its key has made too many.
        """
        if scope["type"] == "http":
            grant(EVERYTHING if is_open(path_below_prefix(scope)) else self._access(scope))
        await self._app(scope, receive, send)

    def _access(self, scope: Scope) -> Access:
        access = self._check(Headers(scope=scope))
        scope.setdefault("state", {})["key"] = access.name
        if access.name in self._buckets:
            self._buckets[access.name].take()
        return access

    def _check(self, headers: Headers) -> Access:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        if not given:
            raise KeyRefusedError("This service asks for a key: send Authorization: Bearer KEY, or X-API-Key: KEY.")
        # all keys are compared, in constant time: the time tells neither how many there are nor how near a guess is
        digest = digest_of(given)
        found = [key for key in self._keys if hmac.compare_digest(digest, key.digest)]
        if not found:
            raise KeyRefusedError("This key is not one of the service's.")
        return found[0].access


def is_open(path: str) -> bool:
    """Tell whether a path needs no key."""
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER)
