"""Reads what a request searches by, which is exactly one source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from models.errors import InputError, QueryError
from models.text.spelling import Correction
from service.api.json_body import first_errors, parse_json, read_image_json
from service.api.schemas import ExplainParameters, ImageSearchParameters, Texts
from service.search.grammar import parse_beside_image, parse_query
from service.search.query import CollectionImage, Embedding, ImageFile, Query, Source
from service.security.fetch import fetch_image
from service.security.uploads import media_type, read_form
from service.settings import Settings

M = TypeVar("M", bound=BaseModel)

_ONE_SOURCE = (
    "Send exactly one source: a form with file, an image/* body, or JSON with id, image_b64, url or embedding."
)


async def image_source(
    request: Request, parameters: ImageSearchParameters, settings: Settings
) -> tuple[Source, ImageSearchParameters]:
    """Read what an image search searches by, and its parameters: a form may carry them beside the file.

    Raises:
        InputError: no source, several, or one that is malformed.
        HTTPException: 415, a content type that is none of the three.
        RequestValidationError: JSON of another form.
    """
    source, fields = await _source_and_fields(request, settings)
    if fields:
        parameters = parse_fields(ImageSearchParameters, [*request.query_params.multi_items(), *fields])
    return source, parameters


async def explained_source(request: Request, settings: Settings) -> tuple[Source, ExplainParameters]:
    """Read what the search was by that ``POST /explain`` is to explain; as ``image_source``."""
    source, fields = await _source_and_fields(request, settings)
    return source, parse_fields(ExplainParameters, [*request.query_params.multi_items(), *fields])


async def _source_and_fields(request: Request, settings: Settings) -> tuple[Source, list[tuple[str, str]]]:
    """Read a source, and the parameters that a form carries beside it."""
    kind = media_type(request.headers)
    if kind == "multipart/form-data":
        form = await read_form(request)
        if form.file is None:
            raise QueryError(_ONE_SOURCE)
        return ImageFile(form.file), form.fields
    if kind.startswith("image/"):
        return ImageFile(await request.body()), []
    if kind == "application/json":
        return await _json_source(await request.body(), settings), []
    if not kind and not await request.body():
        raise QueryError(_ONE_SOURCE)
    raise HTTPException(415, f"The content type {kind[:80]!r} is not accepted. {_ONE_SOURCE}")


async def texts_or_image(request: Request) -> list[str] | bytes:
    """Read what is to be embedded: the sentences of JSON, or the file of a form or an image body.

    Raises:
        QueryError: a form without a file.
        HTTPException: 415, a content type that is none of the three.
        RequestValidationError: JSON of another form.
    """
    kind = media_type(request.headers)
    if kind == "application/json":
        return parse_json(Texts, await request.body()).texts
    if kind == "multipart/form-data" and (content := (await read_form(request)).file) is not None:
        return content
    if kind.startswith("image/"):
        return await request.body()
    raise HTTPException(415, 'Send JSON {"texts": [...]}, an image/* body, or a form with an image in the field file.')


def explained_query(
    parameters: ExplainParameters, source: Source | None, settings: Settings, correction: Correction | None
) -> Query:
    """Return the query whose match is to be explained.

    Args:
        parameters: of the request.
        source: that the request's body holds, where it has one.
        settings: of the service.
        correction: of the words of ``parameters``, where a word was corrected.

    Raises:
        QueryError: not exactly one source.
    """
    limits = settings.query_limits
    match parameters.query, parameters.query_image_id, source:
        case str(text), None, None:
            text = correction.read if correction else text
            negation = parameters.negation == "on"
            return Query(*parse_query(text, parameters.modifier, limits, negation=negation), correction)
        case None, str(image_id), None:
            source = CollectionImage(image_id)
        case None, None, ImageFile() | CollectionImage() | Embedding():
            pass
        case _:
            raise QueryError("Name exactly one of query, query_image_id and what the body holds.")
    return Query(source, parse_beside_image(parameters.modifier, limits))


def parse_fields(model: type[M], fields: Iterable[tuple[str, str]]) -> M:
    """Validate pairs of names and values as FastAPI validates the parameters of a URL; a name may be repeated.

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
        raise RequestValidationError(first_errors(error)) from None


async def wait_until_gone(request: Request) -> None:
    """Return when the client has hung up; call it after the body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _json_source(body: bytes, settings: Settings) -> Source:
    source, image = await read_image_json(body, settings)
    if image is not None:
        return ImageFile(image)
    match [(name, value) for name, value in source if value is not None]:
        case [("id", image_id)]:
            return CollectionImage(image_id)
        case [("url", url)]:
            return ImageFile(await _fetch(url, settings))
        case [("embedding", values)]:
            return Embedding(tuple(values))
        case _:
            raise QueryError(_ONE_SOURCE)


async def _fetch(url: str, settings: Settings) -> bytes:
    if not settings.allow_url_fetch:
        raise InputError(
            "This service does not fetch addresses (SEMBLANCE_ALLOW_URL_FETCH is off): send the image itself."
        )
    return await fetch_image(url, max_bytes=settings.max_body_bytes, timeout_s=settings.fetch_timeout_s)
