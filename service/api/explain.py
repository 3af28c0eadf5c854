"""``GET /explain`` and ``POST /explain``: why an image matched."""

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
from service.api.schemas import ExplainParameters, ExplanationAnswer, HeatMap, PlaceMap, TermWords, Word
from service.api.shaping import collection_used, contributions, is_known, json_response, query_echo
from service.api.sources import explain_form, explained_query, wait_until_gone
from service.api.state import State, StateNow
from service.errors import problems
from service.search.grammar import as_query
from service.search.query import Sentence
from service.search.rerank import NO_MATCHER
from service.serving.admission import while_connected
from service.serving.explanations import ExplainRequest
from service.serving.generations import ServedGeneration

router = APIRouter(tags=["explain"])

_HEAT_DECIMALS = 4
_VALUE_DECIMALS = 6
_CACHE_CONTROL = "private, max-age=300"
_AS_READ = {"negation": "off", "correct": "off"}
"""Of a sentence that was read: what is absent is a modifier already, and what was wrong is right."""
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The explanation, or its picture", "content": {"image/png": {}}},
    304: {"description": "Not modified"},
}


def _form_body() -> dict[str, Any]:
    schema = ExplainParameters.model_json_schema()
    schema["properties"]["file"] = {"type": "string", "format": "binary", "description": "the query image"}
    schema["required"].append("file")
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.get(
    "/explain",
    response_model=ExplanationAnswer,
    responses=_RESPONSES | problems(400, 401, 404, 409, 422, 503),
)
async def explain(
    request: Request, parameters: Annotated[ExplainParameters, Parameters()], state: StateNow
) -> Response:
    """Explain why an image matched a sentence or another image of the collection."""
    return await _answer(request, state, parameters, None)


@router.post(
    "/explain",
    response_model=ExplanationAnswer,
    responses=_RESPONSES | problems(400, 401, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=_form_body(),
)
async def explain_upload(request: Request, state: StateNow) -> Response:
    """Explain why an image matched an uploaded one."""
    return await _answer(request, state, *await explain_form(request))


async def _answer(request: Request, state: State, parameters: ExplainParameters, image: bytes | None) -> Response:
    started = perf_counter()
    correction = None
    if parameters.query and parameters.correct == "on":
        read = await state.spelling.read(parameters.query, parameters.collection, parameters.model, correct=True)
        correction = read.correction
    query = explained_query(parameters, image, state.settings, correction)
    with state.generations.pin(parameters.collection, parameters.model) as serving:
        reranking = state.queries.reranking(serving, query, "image", parameters.rerank)
        asked = state.explanations.request(serving, query, parameters.image_id, parameters.method, reranking)
        headers = {"ETag": f'"{asked.key}-{parameters.format}"', "Cache-Control": _CACHE_CONTROL}
        if is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        gone = wait_until_gone(request)
        if parameters.format == "png":
            picture = await while_connected(gone, state.queries.overlay(serving, asked))
            return Response(picture, headers=headers, media_type="image/png")
        evidence = await while_connected(gone, state.queries.explain(serving, asked))
        address = None if query.image_files else _overlay_url(serving, parameters, asked, request.scope["root_path"])
        methods = state.explanations.methods(serving.model)
        answer = _shape(serving, asked, evidence, methods, address, (perf_counter() - started) * 1e3)
        return json_response(answer, headers)


def _shape(
    serving: ServedGeneration,
    asked: ExplainRequest,
    evidence: Evidence,
    methods: Sequence[str],
    overlay_url: str | None,
    took_ms: float,
) -> ExplanationAnswer:
    heat = evidence.heat()
    rows, columns = heat.shape
    return ExplanationAnswer(
        image_id=asked.image_id,
        collection=collection_used(serving),
        query=query_echo(asked.query),
        method=asked.method,
        methods=list(methods),
        score=evidence.score,
        contributions=contributions(evidence.contributions),
        heat_map=HeatMap(
            rows=rows,
            columns=columns,
            values=heat.astype(float).round(_HEAT_DECIMALS).tolist(),
            region=evidence.whole().region,
        ),
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
                words=[_word(word) for word in term.words],
                together=round(term.together, _VALUE_DECIMALS),
            )
            for term in evidence.words
        ],
        overlay_url=overlay_url,
        took_ms=round(took_ms, 3),
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
    serving: ServedGeneration, parameters: ExplainParameters, request: ExplainRequest, root_path: str
) -> str:
    query = request.query
    asked = {
        "image_id": parameters.image_id,
        "collection": serving.collection,
        "query": as_query(query.source) if isinstance(query.source, Sentence) else None,
        "query_image_id": parameters.query_image_id,
        **(_AS_READ if isinstance(query.source, Sentence) else {}),
        "model": parameters.model,
        "modifier": [modifier.label for modifier in query.modifiers],
        "method": request.method,
        "rerank": NO_MATCHER if request.reranking is None else request.reranking.matcher.card.name,
        "format": "png",
    }
    return f"{root_path}/explain?{urlencode({name: value for name, value in asked.items() if value}, doseq=True)}"
