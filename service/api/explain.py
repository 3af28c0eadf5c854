"""``GET /explain`` and ``POST /explain``: why an image, or a caption, matched."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Annotated, Any
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Request
from fastapi import Query as Parameters
from numpy.typing import NDArray
from starlette.responses import Response

from models.evidence import Evidence, EvidenceMap, WordSaliency
from models.explain.measured import measured
from service.api.schemas import ExplainParameters, ExplanationAnswer, HeatMap, ImageSource, PlaceMap, TermWords, Word
from service.api.shaping import browsed_image, collection_used, contributions, is_known, json_response, query_echo
from service.api.sources import explained_query, explained_source, wait_until_gone
from service.api.state import State, StateNow
from service.errors import problems
from service.search.grammar import as_query
from service.search.query import CollectionImage, Embedding, ImageFile, Sentence, Source
from service.search.rerank import NO_MATCHER
from service.serving.admission import while_connected
from service.serving.explanations import ExplainRequest, Explanation
from service.serving.generations import ServedGeneration

router = APIRouter(tags=["explain"])

_HEAT_DECIMALS = 4
_VALUE_DECIMALS = 6
_CACHE_CONTROL = "private, max-age=300"
_AS_READ = {"negation": "off", "correct": "off"}
"""Of a sentence that was read: what is absent is a modifier already, and what was wrong is right."""
_OF_SENTENCES = frozenset({"query", "query_image_id", "negation", "correct"})
"""Parameters that a search by what a body holds has no use for."""
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The explanation, or its picture", "content": {"image/png": {}}},
    304: {"description": "Not modified"},
}


def _body_or_form() -> dict[str, Any]:
    """Describe ``POST /explain``: the bodies of an image search; parameters in the address, or beside a form's file."""
    fields = ExplainParameters.model_json_schema()
    address = [
        {"name": name, "in": "query", "required": False, "schema": of, "description": of.get("description", "")}
        for name, of in fields["properties"].items()
        if name not in _OF_SENTENCES
    ]
    file = {"type": "string", "format": "binary"}
    # of the fields none is required: each may stand in the address
    form = {**fields, "properties": {**fields["properties"], "file": file}, "required": ["file"]}
    content = {
        "multipart/form-data": {"schema": form},
        "image/*": {"schema": file},
        "application/json": {"schema": ImageSource.model_json_schema()},
    }
    return {"parameters": address, "requestBody": {"required": True, "content": content}}


@router.get(
    "/explain",
    response_model=ExplanationAnswer,
    responses=_RESPONSES | problems(400, 401, 404, 409, 422, 503),
)
async def explain(
    request: Request, parameters: Annotated[ExplainParameters, Parameters()], state: StateNow
) -> Response:
    """Explain why an image, or a caption, matched a sentence or another image of the collection."""
    return await _answer(request, state, parameters, None)


@router.post(
    "/explain",
    response_model=ExplanationAnswer,
    responses=_RESPONSES | problems(400, 401, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=_body_or_form(),
)
async def explain_body(request: Request, state: StateNow) -> Response:
    """Explain why an image, or a caption, matched what the body holds: an image, an embedding, an id or an address."""
    source, parameters = await explained_source(request, state.settings)
    return await _answer(request, state, parameters, source)


async def _answer(request: Request, state: State, parameters: ExplainParameters, source: Source | None) -> Response:
    started = perf_counter()
    correction = None
    if parameters.query and parameters.correct == "on":
        read = await state.spelling.read(parameters.query, parameters.collection, parameters.model, correct=True)
        correction = read.correction
    query = explained_query(parameters, source, state.settings, correction)
    with state.generations.pin(parameters.collection, parameters.model) as serving:
        target = parameters.target
        reranking = state.queries.reranking(serving, query, target, parameters.rerank)
        asked = state.explanations.request(serving, query, parameters.image_id, parameters.method, target, reranking)
        headers = {"ETag": f'"{asked.key}-{parameters.format}"', "Cache-Control": _CACHE_CONTROL}
        if is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        gone = wait_until_gone(request)
        if parameters.format == "png":
            picture = await while_connected(gone, state.queries.overlay(serving, asked))
            return Response(picture, headers=headers, media_type="image/png")
        explanation = await while_connected(gone, state.queries.explain(serving, asked))
        root_path = request.scope["root_path"]
        address = _overlay_url(serving, parameters, asked, explanation.evidence, root_path)
        methods = state.explanations.methods(serving.model, query, target)
        answer = _shape(serving, asked, explanation, methods, address, root_path, (perf_counter() - started) * 1e3)
        return json_response(answer, headers)


def _shape(
    serving: ServedGeneration,
    asked: ExplainRequest,
    explanation: Explanation,
    methods: Sequence[str],
    overlay_url: str | None,
    root_path: str,
    took_ms: float,
) -> ExplanationAnswer:
    evidence = explanation.evidence
    found = browsed_image(explanation.image, serving.collection, root_path)
    if asked.target == "text":
        found["id"] = asked.result_id
    found["caption"] = explanation.caption
    return ExplanationAnswer(
        image_id=asked.result_id,
        target=asked.target,
        found=found,
        collection=collection_used(serving),
        query=query_echo(asked.query),
        method=asked.method,
        methods=list(methods),
        score=evidence.score,
        confidence=explanation.confidence,
        strength=explanation.strength,
        contributions=contributions(evidence.contributions),
        heat_map=_heat_map(evidence),
        maps=[_place_map(found) for found in evidence.maps],
        scale=round(evidence.scale, _VALUE_DECIMALS),
        baseline=_rounded(evidence.baseline),
        unplaced=round(evidence.unplaced, _VALUE_DECIMALS),
        sum_error=_rounded(evidence.rest),
        unrelated=evidence.silent,
        faithfulness=measured(serving.model, serving.encoder.encoder.card.weights_sha256, asked.method),
        words=[
            TermWords(
                term=term.label,
                of=term.of,
                words=[_word(word) for word in term.words],
                together=round(term.together, _VALUE_DECIMALS),
            )
            for term in evidence.words
        ],
        overlay_url=overlay_url,
        took_ms=round(took_ms, 3),
    )


def _heat_map(evidence: Evidence) -> HeatMap | None:
    if evidence.image is None:
        return None
    heat = evidence.heat(evidence.image)
    rows, columns = heat.shape
    return HeatMap(
        rows=rows,
        columns=columns,
        values=heat.astype(float).round(_HEAT_DECIMALS).tolist(),
        region=evidence.whole(evidence.image).region,
    )


def _place_map(found: EvidenceMap) -> PlaceMap:
    rows, columns = found.values.shape
    return PlaceMap(
        term=found.term,
        image=found.image,
        rows=rows,
        columns=columns,
        values=_listed(found.values),
        region=found.region,
    )


def _word(word: WordSaliency) -> Word:
    return Word(
        word=word.word,
        start=word.start,
        end=word.end,
        value=round(word.value, _VALUE_DECIMALS),
        map=None if word.values is None else _listed(word.values),
    )


def _listed(values: NDArray[np.float32]) -> list[list[float]]:
    listed: list[list[float]] = values.astype(float).round(_VALUE_DECIMALS).tolist()
    return listed


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _VALUE_DECIMALS)


def _overlay_url(
    serving: ServedGeneration,
    parameters: ExplainParameters,
    request: ExplainRequest,
    evidence: Evidence,
    root_path: str,
) -> str | None:
    """Return the address of the painted photograph; None where there is none, or the query is too long for one."""
    query = request.query
    if evidence.image is None or isinstance(query.source, ImageFile | Embedding):
        return None
    asked = {
        "image_id": request.result_id,
        "collection": serving.collection,
        "query": as_query(query.source) if isinstance(query.source, Sentence) else None,
        "query_image_id": query.source.id if isinstance(query.source, CollectionImage) else None,
        **(_AS_READ if isinstance(query.source, Sentence) else {}),
        "model": parameters.model,
        "modifier": [modifier.label for modifier in query.modifiers],
        "method": request.method,
        "target": request.target,
        "rerank": NO_MATCHER if request.reranking is None else request.reranking.matcher.card.name,
        "format": "png",
    }
    return f"{root_path}/explain?{urlencode({name: value for name, value in asked.items() if value}, doseq=True)}"
