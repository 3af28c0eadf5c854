"""Refuses what would be refused anyway before its body is read: a refusal costs a fraction of what an answer does."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.security.bodies import SMALL_BODY
from service.security.prefix import path_below_prefix
from service.security.uploads import media_type
from service.serving.admission import Admission, Bounds

_SEARCHES = frozenset({"/search/text", "/search/batch"})
_SEARCHES_OR_UPLOADS = frozenset({"/search/image", "/embed"})
_EXPLANATIONS = frozenset({"/explain"})


class EarlyRefusal:
    """ASGI middleware that asks the bound of a request's kind, as far as its header tells the kind.

    Args:
        app: asks again, when it knows what is asked for.
        bounds: of each kind.
    """

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._app = app
        self._bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on.

        Raises:
            OverloadedError: too many of its kind run or wait.
        """
        if scope["type"] == "http" and scope["method"] == "POST":
            bound = self._bound(path_below_prefix(scope), Headers(scope=scope))
            if bound is not None:
                bound.check()
        await self._app(scope, receive, send)

    def _bound(self, path: str, headers: Headers) -> Admission | None:
        if path in _SEARCHES:
            return self._bounds.searches
        if path in _SEARCHES_OR_UPLOADS:
            return self._bounds.uploads if _holds_image(headers) else self._bounds.searches
        return self._bounds.explanations if path in _EXPLANATIONS else None


def _holds_image(headers: Headers) -> bool:
    if not media_type(headers).endswith("json"):
        return True
    length = headers.get("content-length", "")
    return not (length.isdecimal() and len(length) < 10 and int(length) <= SMALL_BODY)
