"""What a request may bring in: a limited number of bytes, and at most one file."""

from __future__ import annotations

from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import QueryError
from service.security.prefix import path_below_prefix

FILE_FIELD = "file"
_MAX_FIELDS = 64
_MAX_DIGITS = 18
_TAKE_IMAGES = frozenset({"/search/image", "/explain", "/embed"})
_TAKE_BASE64 = frozenset({"/search/image"})


@dataclass(frozen=True)
class Form:
    """A multipart form: the bytes of its file, if it has one, and its other fields in their order."""

    file: bytes | None
    fields: list[tuple[str, str]]


@dataclass(frozen=True)
class BodyLimits:
    """The largest bodies, in bytes.

    Attributes:
        image: an image, or a form that holds one.
        json: JSON without an image.
    """

    image: int
    json: int

    def of(self, path: str, kind: str) -> int:
        """Return the limit of a body of a media type that is sent to a path."""
        if path not in _TAKE_IMAGES:
            return min(self.json, self.image)
        if not kind.endswith("json"):
            return self.image
        return min(self.json, self.image) + (self.image * 4 // 3 + 4 if path in _TAKE_BASE64 else 0)


class BodyLimit:
    """ASGI middleware that refuses a body over the limit, from its declared length or as soon as it has come so far."""

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on.

        Raises:
            HTTPException: 413.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limits.of(path_below_prefix(scope), media_type(headers))
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > _MAX_DIGITS or int(declared) > limit):
            raise _too_large(limit)
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, receive_limited, send)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(
        413,
        f"The body is larger than the limit of {limit:,} bytes (SEMBLANCE_MAX_BODY_BYTES, and for JSON "
        "SEMBLANCE_MAX_JSON_BYTES).",
    )


class _InMemoryParser(MultiPartParser):
    """Keeps files off the disk, which may be read-only; the body's limit bounds the memory."""

    spool_max_size = 0

    def on_headers_finished(self) -> None:
        """Take a part of the file's name as a file, though it has no file name."""
        part = self._current_part
        _, options = parse_options_header(part.content_disposition)
        if options.get(b"name") == FILE_FIELD.encode() and b"filename" not in options:
            part.content_disposition = (part.content_disposition or b"") + b'; filename="unnamed"'
        super().on_headers_finished()


def media_type(headers: Headers) -> str:
    """Return the type of a request's body without parameters; empty where it declares none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_form(request: Request) -> Form:
    """Read a multipart form.

    Raises:
        QueryError: more than one file, or a file under another name than ``file``.
        HTTPException: 400, not a multipart form.
    """
    parser = _InMemoryParser(request.headers, request.stream(), max_files=2, max_fields=_MAX_FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, error.message) from None
    try:
        files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
        if len(files) > 1 or any(name != FILE_FIELD for name, _ in files):
            raise QueryError(f"Send one image, in the form field {FILE_FIELD!r}.")
        content = await files[0][1].read() if files else None
        return Form(content, [(name, value) for name, value in form.multi_items() if isinstance(value, str)])
    finally:
        await form.close()
