"""What a form may bring in: at most one file, and a limited number of fields."""

from __future__ import annotations

from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from models.errors import QueryError

FILE_FIELD = "file"
_MAX_FIELDS = 64


@dataclass(frozen=True)
class Form:
    """A multipart form: the bytes of its file, if it has one, and its other fields in their order."""

    file: bytes | None
    fields: list[tuple[str, str]]


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
