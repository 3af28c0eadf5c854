"""``POST /search/text`` and ``POST /search/image``."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Query as Parameters
from starlette.responses import Response

from models.errors import QueryError, SemblanceError
from service.api.cursor import read_cursor
from service.api.schemas import (
    Batch,
    BatchAnswer,
    BatchedSearch,
    Embeddings,
    EmbedParameters,
    ImageSearchParameters,
    ImageSource,
    SearchResults,
    Texts,
    TextSearch,
)
from service.api.shaping import json_response, search_results
from service.api.sources import image_source, texts_or_image, wait_until_gone
from service.api.state import State, StateNow
from service.errors import Problem, problem_of, problems
from service.search.engine import Found
from service.search.grammar import parse_beside_image, parse_page, parse_query, parse_sentence
from service.search.notices import NO_LIKELY_MATCH
from service.search.query import CollectionImage, Embedding, Page, Query
from service.serving.admission import while_connected
from service.serving.captions import CaptionRequest, Decoding, caption_request
from service.serving.queries import SearchRequest

router = APIRouter(tags=["search"])

_BATCH_AT_ONCE = 32
"""Searches of one batch that run or wait: as many as are encoded together, and half of what the service admits."""

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
_EMBED_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Texts.model_json_schema()},
            "image/*": _BINARY,
            "multipart/form-data": _IMAGE_BODY["requestBody"]["content"]["multipart/form-data"],
        },
    }
}


@router.post("/search/text", response_model=SearchResults, responses=problems(400, 401, 404, 408, 409, 413, 422, 503))
async def search_text(body: TextSearch, request: Request, state: StateNow) -> Response:
    """Find what a sentence means."""
    query = await _sentence_query(body, state)
    return await _answer(request, state, query, body)


@router.post(
    "/search/image",
    response_model=SearchResults,
    responses=problems(400, 401, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=_IMAGE_BODY,
)
async def search_image(
    request: Request, parameters: Annotated[ImageSearchParameters, Parameters()], state: StateNow
) -> Response:
    """Find what resembles an image, steered by signed words; with ``generate`` also write a caption of it."""
    source, parameters = await image_source(request, parameters, state.settings)
    modifiers = parse_beside_image(parameters.modifier, state.settings.query_limits)
    query = Query(source, modifiers)
    caption = _caption_request(query, parameters) if parameters.generate else None
    return await _answer(request, state, query, parameters, caption)


@router.post("/search/batch", response_model=BatchAnswer, responses=problems(400, 401, 408, 413, 422, 503))
async def search_batch(body: Batch, request: Request, state: StateNow) -> Response:
    """Answer up to 64 searches; those that wait for a model at the same time are encoded together."""
    places = asyncio.Semaphore(_BATCH_AT_ONCE)

    async def one(asked: BatchedSearch) -> SearchResults | Problem:
        async with places:
            try:
                return await _results(request, state, await _batched_query(asked, state), asked)
            except SemblanceError as error:
                problem = problem_of(error)
                problem.request_id = request.state.request_id
                return problem

    async def every() -> BatchAnswer:
        return BatchAnswer(answers=await asyncio.gather(*map(one, body.searches)))

    return json_response(await while_connected(wait_until_gone(request), every()))


@router.post("/embed", responses=problems(400, 401, 404, 408, 409, 413, 415, 422, 503), openapi_extra=_EMBED_BODY)
async def embed(request: Request, parameters: Annotated[EmbedParameters, Parameters()], state: StateNow) -> Embeddings:
    """Return the unit vectors of sentences, or of an image, by a collection's model."""
    source = await texts_or_image(request)
    limits = state.settings.query_limits
    images = [source] if isinstance(source, bytes) else []
    words = [] if isinstance(source, bytes) else [parse_sentence(text, limits).text for text in source]
    with state.generations.pin(parameters.collection, parameters.model) as served:
        vectors = await state.queries.embed(served, words, images)
        dimension = served.images.dimension
    return Embeddings(
        model=served.model, dimension=dimension, vectors=[vector.astype(float).round(7).tolist() for vector in vectors]
    )


def _caption_request(query: Query, asked: ImageSearchParameters) -> CaptionRequest:
    decoding = Decoding(asked.decoder, asked.temperature, asked.seed)
    return caption_request(query, asked.target, asked.captioner, decoding)


async def _sentence_query(asked: TextSearch, state: State) -> Query:
    read = await state.spelling.read(asked.query, asked.collection, asked.model, correct=asked.correct == "on")
    parsed = parse_query(read.text, asked.modifiers, state.settings.query_limits, negation=asked.negation == "on")
    return Query(*parsed, read.correction, read.unknown)


async def _batched_query(asked: BatchedSearch, state: State) -> Query:
    limits = state.settings.query_limits
    if asked.id is None and asked.embedding is None:
        return await _sentence_query(asked, state)
    if asked.query or (asked.id is not None and asked.embedding is not None):
        raise QueryError("Give each search one of query, id and embedding.")
    source = CollectionImage(asked.id) if asked.id is not None else Embedding(tuple(asked.embedding or ()))
    return Query(source, parse_beside_image(asked.modifiers, limits))


async def _answer(
    request: Request,
    state: State,
    query: Query,
    asked: TextSearch | ImageSearchParameters,
    caption: CaptionRequest | None = None,
) -> Response:
    results = await while_connected(wait_until_gone(request), _results(request, state, query, asked, caption))
    return json_response(results)


def _found(found: Found) -> str:
    if NO_LIKELY_MATCH in found.notices:
        return "no match"
    return "match" if any(hit.confidence is not None for hit in found.hits) else "unknown"


async def _results(
    request: Request,
    state: State,
    query: Query,
    asked: TextSearch | ImageSearchParameters,
    caption: CaptionRequest | None = None,
) -> SearchResults:
    started = perf_counter()
    page, generation = parse_page(asked.k, asked.offset, state.settings.query_limits), None
    if asked.cursor is not None:
        if asked.offset:
            raise QueryError("Give offset or cursor, not both.")
        generation, after = read_cursor(asked.cursor)
        page = Page(page.k, after=after)
    answer = await state.queries.search(
        SearchRequest(query, asked.collection, asked.target, page, asked.model, asked.rerank, caption, generation)
    )
    state.metrics.count_answer(_found(answer.found))
    total_ms, root_path = (perf_counter() - started) * 1e3, request.scope["root_path"]
    return search_results(query, answer, state.settings.max_offset, total_ms, root_path, asked.min_confidence)
