"""``POST /search/text`` and ``POST /search/image``."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Query as Parameters
from starlette.responses import Response

from service.api.schemas import ImageSearchParameters, ImageSource, SearchResults, TextSearch
from service.api.shaping import json_response, search_results
from service.api.sources import image_source, wait_until_gone
from service.api.state import State, StateNow
from service.errors import problems
from service.search.grammar import WEIGHT_BESIDE_IMAGE, parse_modifiers, parse_page, parse_query
from service.search.query import Query
from service.serving.admission import while_connected
from service.serving.captions import CaptionRequest, caption_request
from service.serving.queries import SearchRequest

router = APIRouter(tags=["search"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": _BINARY["schema"]}, "required": ["file"]}
            },
            "image/*": _BINARY,
            "application/json": {"schema": ImageSource.model_json_schema()},
        },
    }
}


@router.post("/search/text", response_model=SearchResults, responses=problems(400, 401, 404, 409, 413, 422, 503))
async def search_text(body: TextSearch, request: Request, state: StateNow) -> Response:
    """Find what a sentence means."""
    limits = state.settings.query_limits
    query = Query(*parse_query(body.query, body.modifiers, limits))
    return await _answer(request, state, query, body)


@router.post(
    "/search/image",
    response_model=SearchResults,
    responses=problems(400, 401, 404, 409, 413, 415, 422, 503),
    openapi_extra=_IMAGE_BODY,
)
async def search_image(
    request: Request, parameters: Annotated[ImageSearchParameters, Parameters()], state: StateNow
) -> Response:
    """Find what resembles an image, steered by signed words; with ``generate`` also write a caption of it."""
    source, parameters = await image_source(request, parameters, state.settings)
    modifiers = parse_modifiers(parameters.modifier, state.settings.query_limits, WEIGHT_BESIDE_IMAGE)
    query = Query(source, modifiers)
    caption = caption_request(query, parameters.target, parameters.captioner) if parameters.generate else None
    return await _answer(request, state, query, parameters, caption)


async def _answer(
    request: Request,
    state: State,
    query: Query,
    asked: TextSearch | ImageSearchParameters,
    caption: CaptionRequest | None = None,
) -> Response:
    started = perf_counter()
    page = parse_page(asked.k, asked.offset, state.settings.query_limits)
    searching = state.queries.search(
        SearchRequest(query, asked.collection, asked.target, page, asked.model, asked.rerank, caption)
    )
    answer = await while_connected(wait_until_gone(request), searching)
    total_ms, root_path = (perf_counter() - started) * 1e3, request.scope["root_path"]
    results = search_results(query, answer, state.settings.max_offset, total_ms, root_path)
    return json_response(results)
