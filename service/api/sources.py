"""Reads what a request searches by: parsed, limited, and exactly one source."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from models.errors import InputError, QueryError
from service.api.schemas import ExplainParameters, ImageSource
from service.search.query import (
    WEIGHT_BESIDE_IMAGE,
    WEIGHT_BESIDE_SENTENCE,
    Modifier,
    Query,
    parse_modifiers,
    parse_sentence,
)
from service.security.fetch import fetch_image
from service.security.uploads import media_type, read_form
from service.settings import Settings

M = TypeVar("M", bound=BaseModel)

_ONE_SOURCE = (
    "Send exactly one source: a form with file, an image/* body, or JSON with id, image_b64, url or embedding."
)


async def image_query(request: Request, modifiers: tuple[Modifier, ...], settings: Settings) -> Query:
    """Read the source of an image search.

    Raises:
        InputError: none, several, or one that is not what it should be.
        HTTPException: 415, a content type that is none of the three.
        RequestValidationError: JSON of another form.
    """
    kind = media_type(request)
    if kind == "multipart/form-data":
        form = await read_form(request)
        if form.file is None or form.fields:
            raise QueryError(_ONE_SOURCE)
        return Query(image=form.file, modifiers=modifiers)
    if kind.startswith("image/"):
        return Query(image=await request.body(), modifiers=modifiers)
    if kind == "application/json":
        return await _json_query(await request.body(), modifiers, settings)
    if not kind and not await request.body():
        raise QueryError(_ONE_SOURCE)
    raise HTTPException(415, f"The content type {kind[:80]!r} is not accepted. {_ONE_SOURCE}")


async def explain_form(request: Request) -> tuple[ExplainParameters, bytes]:
    """Read the fields and the query image of ``POST /explain``; the fields may stand in the address too.

    Raises:
        QueryError: no file.
        HTTPException: 415, not a form.
        RequestValidationError: fields of another form.
    """
    if media_type(request) != "multipart/form-data":
        raise HTTPException(415, "Send multipart/form-data with the query image in the field 'file'.")
    form = await read_form(request)
    parameters = parse_fields(ExplainParameters, [*request.query_params.multi_items(), *form.fields])
    if form.file is None:
        raise QueryError("The query image is missing: send it in the field 'file', or ask with GET.")
    return parameters, form.file


def explained_query(parameters: ExplainParameters, image: bytes | None, settings: Settings) -> Query:
    """Return the query whose match is to be explained.

    Raises:
        QueryError: not exactly one source.
    """
    limits = settings.query_limits
    sources = (parameters.query, parameters.query_image_id, image)
    if sum(source is not None for source in sources) != 1:
        raise QueryError("Name exactly one of query, query_image_id and an uploaded file.")
    weight = WEIGHT_BESIDE_IMAGE if parameters.query is None else WEIGHT_BESIDE_SENTENCE
    return Query(
        text=None if parameters.query is None else parse_sentence(parameters.query, limits),
        image=image,
        image_id=parameters.query_image_id,
        modifiers=parse_modifiers(parameters.modifier, limits, weight),
    )


def parse_fields(model: type[M], fields: Iterable[tuple[str, str]]) -> M:
    """Parse repeated names and values as FastAPI parses the parameters of an address.

    Raises:
        RequestValidationError: they do not fit.
    """
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    single = {name: found if name == "modifier" or len(found) > 1 else found[0] for name, found in values.items()}
    try:
        return model.model_validate(single)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None


async def wait_until_gone(request: Request) -> None:
    """Return when the client has hung up; to be called when the body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _json_query(body: bytes, modifiers: tuple[Modifier, ...], settings: Settings) -> Query:
    try:
        source = ImageSource.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**detail, "loc": ("body", *detail["loc"])} for detail in error.errors()]
        ) from None
    if len(source.model_fields_set - {name for name, value in source if value is None}) != 1:
        raise QueryError(_ONE_SOURCE)
    image = None
    if source.image_b64 is not None:
        image = _decode_base64(source.image_b64)
    elif source.url is not None:
        image = await _fetch(source.url, settings)
    embedding = None if source.embedding is None else tuple(source.embedding)
    return Query(image=image, image_id=source.id, embedding=embedding, modifiers=modifiers)


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("image_b64 is not Base64.") from None


async def _fetch(url: str, settings: Settings) -> bytes:
    if not settings.allow_url_fetch:
        raise InputError(
            "This service does not fetch addresses (SEMBLANCE_ALLOW_URL_FETCH is off): send the image itself."
        )
    return await fetch_image(url, max_bytes=settings.max_body_bytes, timeout_s=settings.fetch_timeout_s)
