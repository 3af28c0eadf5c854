"""What the bodies of requests may take: bytes, seconds, and memory together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import SemblanceError
from service.security.prefix import path_below_prefix
from service.security.uploads import media_type

_MAX_DIGITS = 18
SMALL_BODY = 64 * 2**10
"""No body of up to so many bytes waits for a place: words are searched for while uploads wait."""

_TAKE_IMAGES = frozenset({"/search/image", "/explain", "/embed"})
_TAKE_BASE64 = frozenset({"/search/image", "/explain"})


class BodiesHeldError(SemblanceError):
    """As many bytes of requests as may be held are held already."""


@dataclass(frozen=True)
class BodyLimits:
    """The limits of bodies.

    Attributes:
        image: bytes of an image, or of a form that holds one.
        json: bytes of JSON, beside the image that it may carry.
        together: bytes of all large bodies that have come and are not answered.
        seconds: from a request's header to the end of its body.
    """

    image: int
    json: int
    together: int
    seconds: float

    def of(self, path: str, kind: str) -> int:
        """Return the largest size of a body of a media type that is sent to a path."""
        if path not in _TAKE_IMAGES:
            return min(self.json, self.image)
        if not kind.endswith("json"):
            return self.image
        return min(self.json, self.image) + (self.image * 4 // 3 + 4 if path in _TAKE_BASE64 else 0)


class Bodies:
    """ASGI middleware that keeps the limits; what declares too much is refused before it is read.

    Args:
        app: reads the bodies.
        limits: of each, and of all together.
        place: takes a place for a large body, from its first byte to its answer, or raises that there is none.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits, place: Callable[[], AbstractContextManager[None]]) -> None:
        self._app = app
        self._limits = limits
        self._place = place
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on.

        Raises:
            HTTPException: 413, it is too large; 408, it came too slowly.
            BodiesHeldError: too many bytes of bodies are here already.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limits.of(path_below_prefix(scope), media_type(headers))
        declared = _declared(headers)
        if declared > limit:
            raise _too_large(limit)
        if declared <= SMALL_BODY and "transfer-encoding" not in headers:
            await self._app(scope, self._limited(receive, limit), send)
            return
        with self._place():
            body = _Body()
            try:
                await self._app(scope, self._limited(receive, limit, body), send)
            finally:
                self._held -= body.received

    def _limited(self, receive: Receive, limit: int, large: _Body | None = None) -> Receive:
        body = large or _Body()
        deadline = asyncio.get_running_loop().time() + self._limits.seconds

        async def receive_limited() -> Message:
            if body.complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise self._too_slow() from None
            size = len(message.get("body", b""))
            body.complete = not message.get("more_body", False)
            body.received += size
            if body.received > limit:
                raise _too_large(limit)
            if large is not None:
                self._hold(size)
            return message

        return receive_limited

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > self._limits.together:
            raise BodiesHeldError(
                f"The service is busy: it holds {self._limits.together:,} bytes of requests already "
                "(SEMBLANCE_MAX_BODIES_BYTES)."
            )

    def _too_slow(self) -> HTTPException:
        return HTTPException(
            408,
            f"The body did not arrive within {self._limits.seconds:g} seconds (SEMBLANCE_BODY_TIMEOUT_S).",
            headers={"Connection": "close"},
        )


@dataclass
class _Body:
    received: int = 0
    complete: bool = False


def _declared(headers: Headers) -> int:
    text = headers.get("content-length", "")
    return int(text[:_MAX_DIGITS]) if text.isdecimal() else 0


def _too_large(limit: int) -> HTTPException:
    return HTTPException(
        413,
        f"The body is larger than the limit of {limit:,} bytes (SEMBLANCE_MAX_BODY_BYTES, and for JSON "
        "SEMBLANCE_MAX_JSON_BYTES).",
    )
