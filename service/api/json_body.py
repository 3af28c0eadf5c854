"""Reads JSON bodies; an image in one, in Base64, is taken out before the rest is parsed.

A parser makes an object of everything that it reads, some 40 bytes for two of a hostile body: only the text of an image
may be long, and that is never given to it. What is long is read in a thread, in parts, for a thread that computes
without a pause stops the event loop as well.
"""

from __future__ import annotations

import binascii
import codecs
import re
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from models.errors import InputError
from service.api.schemas import ImageSource
from service.errors import MAX_FIELD_ERRORS
from service.settings import Settings

M = TypeVar("M", bound=BaseModel)

_IMAGE_KEY = b'"image_b64"'
_BEFORE_TEXT = re.compile(rb'\s*:\s*"')
_PART = 2**19
_SPACE = b" \t\r\n"
_OTHER_LETTERS = bytes.maketrans(b"-_", b"+/")
_ESCAPES = {
    rb"\/": b"/", rb"\n": b"", rb"\r": b"", rb"\u002b": b"+", rb"\u002B": b"+", rb"\u002f": b"/", rb"\u002F": b"/",
    rb"\u003d": b"=", rb"\u003D": b"=",
}  # fmt: skip
_LONGEST_ESCAPE = 6


def parse_json(model: type[M], body: bytes) -> M:
    """Validate a JSON body, which may begin with a byte order mark.

    Raises:
        RequestValidationError: it does not fit.
    """
    try:
        return model.model_validate_json(body.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        raise RequestValidationError(
            [{**detail, "loc": ("body", *detail["loc"])} for detail in first_errors(error)]
        ) from None


def first_errors(error: ValidationError) -> list[Any]:
    """Return as many of a validation's errors as an answer tells, without what was sent."""
    return error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FIELD_ERRORS]


async def read_image_json(body: bytes, settings: Settings) -> tuple[ImageSource, bytes | None]:
    """Validate the JSON of an image search, and decode the image that it carries; None where it names it otherwise.

    Raises:
        RequestValidationError: it does not fit.
        HTTPException: 413, the image or what stands beside it is too large.
        InputError: the image is not Base64, or something else names an image, too.
    """
    if len(body) <= settings.max_json_bytes:
        return _read(body, settings)
    return await run_in_threadpool(_read, body, settings)


def _read(body: bytes, settings: Settings) -> tuple[ImageSource, bytes | None]:
    rest, text = _without_image(body) if len(body) > settings.max_json_bytes else (body, None)
    if len(rest) > settings.max_json_bytes:
        raise HTTPException(
            413,
            f"The JSON is larger than the limit of {settings.max_json_bytes:,} bytes beside image_b64 "
            "(SEMBLANCE_MAX_JSON_BYTES).",
        )
    source = parse_json(ImageSource, rest)
    if source.image_b64 is None:
        return source, None
    if len(source.model_dump(exclude_none=True)) > 1:
        return source, None  # which the caller refuses
    image = decode_base64(text if text is not None and not source.image_b64 else source.image_b64.encode())
    if len(image) > settings.max_body_bytes:
        raise HTTPException(
            413, f"The image is larger than the limit of {settings.max_body_bytes:,} bytes (SEMBLANCE_MAX_BODY_BYTES)."
        )
    return source, image


def _without_image(body: bytes) -> tuple[bytes, bytes | None]:
    """Return a body with an empty image, and the text that was there; None where there is none."""
    key = body.find(_IMAGE_KEY)
    before = _BEFORE_TEXT.match(body, key + len(_IMAGE_KEY)) if key >= 0 else None
    end = body.find(b'"', before.end()) if before else -1  # Base64 holds no quotation mark, nor an escaped one
    if before is None or end < 0:
        return body, None
    return body[: before.end()] + body[end:], body[before.end() : end]


def decode_base64(text: bytes) -> bytes:
    """Decode Base64 of any form: a data URI, broken in lines, with the letters of addresses, unpadded, escaped in JSON.

    Raises:
        InputError: it is no Base64.
    """
    comma = text.find(b",", 0, 200)
    start = comma + 1 if comma > 0 and text.startswith(b"data:") and text.endswith(b";base64", 0, comma) else 0
    decoded, rest = bytearray(), b""
    try:
        while start < len(text):
            end = _end_of_part(text, start)
            letters = rest + _letters(text[start:end])
            whole = 0 if end == len(text) else len(letters) - len(letters) % 4
            decoded += binascii.a2b_base64(letters[:whole], strict_mode=True)
            rest, start = letters[whole:], end
        rest = rest.rstrip(b"=")
        decoded += binascii.a2b_base64(rest + b"=" * (-len(rest) % 4), strict_mode=True)
    except binascii.Error:
        raise InputError("image_b64 is not Base64.") from None
    return bytes(decoded)


def _end_of_part(text: bytes, start: int) -> int:
    """Return where the next part ends, which cuts no escape in two."""
    end = start + _PART
    if end >= len(text):
        return len(text)
    escape = text.rfind(b"\\", end - _LONGEST_ESCAPE + 1, end)
    return end if escape < 0 else escape


def _letters(part: bytes) -> bytes:
    """Return a part without escapes and white space, in the common alphabet."""
    if b"\\" in part:
        for escape, letter in _ESCAPES.items():
            part = part.replace(escape, letter)
    return part.translate(_OTHER_LETTERS, _SPACE)
