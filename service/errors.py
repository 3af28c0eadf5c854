"""Answers every error with RFC 9457 problem+json, without paths, SQL or stack traces.

One table gives the status of each class of error. An error of a class that is not in it is a defect of the service: its
status is 500, and its details are only in the log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from indexer.errors import (
    CollectionNameError,
    CollectionNotFoundError,
    DamagedGenerationError,
    EngineAwayError,
    ModelMismatchError,
    NoGenerationError,
)
from models.errors import (
    DecodeResourceError,
    ImageError,
    ImageTooLargeError,
    InputError,
    ModelError,
    QueryError,
    SemblanceError,
    StorageError,
    UnknownModelError,
    UnsupportedImageError,
)
from service.search.engine import CaptionNotFoundError, ImageNotFoundError
from service.security.access import ForbiddenError
from service.security.bodies import BodiesHeldError
from service.security.keys import KeyRefusedError
from service.security.paths import OriginalNotFoundError
from service.security.rate import TooManyRequestsError
from service.serving.admission import ClientGoneError
from service.serving.captions import CaptionerUnavailableError
from service.serving.generations import NotReadyError
from service.serving.queries import StaleCursorError
from service.serving.threads import OverloadedError

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
MAX_FIELD_ERRORS = 10
_MAX_ECHO = 100
_MAX_DETAIL = 300

_UNEXPECTED = "Something went wrong here; the log of the service has it under this request_id."
_TITLES = {status.value: status.phrase for status in HTTPStatus} | {499: "Client Closed Request"}


_STATUSES: dict[type[SemblanceError], int] = {
    InputError: 422,
    QueryError: 422,
    ImageError: 400,
    ImageTooLargeError: 413,
    UnsupportedImageError: 415,
    DecodeResourceError: 503,
    CaptionNotFoundError: 404,
    ImageNotFoundError: 404,
    OriginalNotFoundError: 404,
    CollectionNotFoundError: 404,
    CollectionNameError: 404,
    KeyRefusedError: 401,
    ForbiddenError: 403,
    TooManyRequestsError: 429,
    ModelError: 503,
    StorageError: 503,
    ModelMismatchError: 409,
    UnknownModelError: 409,
    NoGenerationError: 503,
    DamagedGenerationError: 503,
    EngineAwayError: 503,
    OverloadedError: 503,
    BodiesHeldError: 503,
    StaleCursorError: 409,
    CaptionerUnavailableError: 503,
    NotReadyError: 503,
    ClientGoneError: 499,
}


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(examples=["body.k"])
    detail: str


class Problem(BaseModel):
    """The form of every error (RFC 9457)."""

    type: str = Field(examples=["urn:semblance:problem:query"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["The query is empty: write some words."])
    request_id: str
    errors: list[FieldProblem] | None = None


def problem_of(error: Exception) -> Problem:
    """Describe an error to the caller; ``request_id`` is left empty."""
    if isinstance(error, ClientDisconnect):
        error = ClientGoneError("The client hung up.")
    if isinstance(error, SemblanceError):
        return _semblance_problem(error)
    if isinstance(error, RequestValidationError):
        fields = [_field_problem(one) for one in error.errors()[:MAX_FIELD_ERRORS]]
        return _problem("validation", 422, "The request does not have the form that is asked for.", fields)
    if isinstance(error, HTTPException):
        return _problem(None, error.status_code, str(error.detail))
    return _problem(None, 500, _UNEXPECTED)


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    place = ".".join(str(part)[:_MAX_ECHO] for part in error["loc"])
    return FieldProblem(field=place[:_MAX_ECHO], detail=str(error["msg"])[:_MAX_DETAIL])


def response_of(error: Exception, request_id: str, retry_after_s: int) -> Response:
    """Return the answer to a request that failed."""
    problem = problem_of(error)
    problem.request_id = request_id
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if problem.status in (429, 503):
        headers["Retry-After"] = str(error.retry_after_s if isinstance(error, TooManyRequestsError) else retry_after_s)
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="semblance"'
    if problem.status == 413:
        headers["Connection"] = "close"  # the rest of the body is not read
    _log(error, problem)
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers, media_type=MEDIA_TYPE)


def install_error_handlers(app: FastAPI, retry_after_s: int) -> None:
    """Have the application answer every expected error; unexpected ones go on to ``Observe``."""

    async def handle(request: Request, error: Exception) -> Response:
        if isinstance(error, RequestValidationError) and _is_unlabelled_json(request, error):
            error = QueryError("Send JSON with the header Content-Type: application/json.")
        return response_of(error, request.state.request_id, retry_after_s)

    for kind in (SemblanceError, RequestValidationError, HTTPException, ClientDisconnect):
        app.add_exception_handler(kind, handle)


def _is_unlabelled_json(request: Request, error: RequestValidationError) -> bool:
    """Tell whether a body was not read because nothing says that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    whole = any(tuple(one["loc"]) == ("body",) for one in error.errors())
    return whole and not kind.endswith("json") and request.method != "GET"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` by which a route declares its error statuses; what needs a key may ask too often."""
    if 401 in statuses:
        statuses = (*statuses, 429)
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted(statuses)
    }


def _log(error: Exception, problem: Problem) -> None:
    """Log what the caller is not told: an unexpected error with its stack trace, why a collection cannot be served."""
    if problem.status == 500:
        text = f"{type(error).__name__}: {error}"
        log.error("request failed", request_id=problem.request_id, error=text, exc_info=error)
    elif isinstance(error, ModelError | StorageError) and problem.status == 503:
        log.warning("collection not served", request_id=problem.request_id, reason=str(error))


def _semblance_problem(error: SemblanceError) -> Problem:
    kind = next((kind for kind in type(error).__mro__ if kind in _STATUSES), None)
    if kind is None:
        return _problem(None, 500, _UNEXPECTED)
    detail = str(error)
    if isinstance(error, DamagedGenerationError):
        detail = f"The index of this collection is damaged: {error.path.name} {error.reason}."
    elif isinstance(error, EngineAwayError):
        detail = f"{error.engine[0].upper()}{error.engine[1:]} does not answer at the moment; ask again."
    elif kind in (ModelError, StorageError):  # the message of a class that is not in the table may hold paths
        detail = "The collection cannot be served at the moment; the log of the service says why."
    slug = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__.removesuffix("Error")).lower()
    return _problem(slug, _STATUSES[kind], detail)


def _problem(slug: str | None, status: int, detail: str, errors: list[FieldProblem] | None = None) -> Problem:
    kind = f"urn:semblance:problem:{slug}" if slug else "about:blank"
    return Problem(type=kind, title=_TITLES[status], status=status, detail=detail, request_id="", errors=errors)
