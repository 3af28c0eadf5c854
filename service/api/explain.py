"""``GET /explain`` and ``POST /explain``: why an image matched."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi import Query as Parameters
from starlette.responses import Response

from models.evidence import Evidence
from service.api.schemas import ExplainParameters, ExplanationAnswer, HeatMap, TermWords, Word
from service.api.shaping import collection_used, contributions, is_known, json_response, query_echo
from service.api.sources import explain_form, explained_query, wait_until_gone
from service.api.state import State, StateNow
from service.errors import problems
from service.search.grammar import as_query
from service.search.query import Query, Sentence
from service.serving.admission import while_connected
from service.serving.generations import ServedGeneration

router = APIRouter(tags=["explain"])

_HEAT_DECIMALS = 4
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
        asked = state.explanations.request(serving, query, parameters.image_id, parameters.method)
        headers = {"ETag": f'"{asked.key}-{parameters.format}"', "Cache-Control": _CACHE_CONTROL}
        if is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        gone = wait_until_gone(request)
        if parameters.format == "png":
            picture = await while_connected(gone, state.queries.overlay(serving, asked))
            return Response(picture, headers=headers, media_type="image/png")
        evidence = await while_connected(gone, state.queries.explain(serving, asked))
        address = None if query.image_files else _overlay_url(serving, parameters, query, request.scope["root_path"])
        answer = _shape(serving, parameters, query, evidence, address, (perf_counter() - started) * 1e3)
        return json_response(answer, headers)


def _shape(
    serving: ServedGeneration,
    parameters: ExplainParameters,
    query: Query,
    evidence: Evidence,
    overlay_url: str | None,
    took_ms: float,
) -> ExplanationAnswer:
    heat = evidence.heat()
    rows, columns = heat.shape
    return ExplanationAnswer(
        image_id=parameters.image_id,
        collection=collection_used(serving),
        query=query_echo(query),
        method=parameters.method,
        score=evidence.score,
        contributions=contributions(evidence.contributions),
        heat_map=HeatMap(
            rows=rows,
            columns=columns,
            values=heat.astype(float).round(_HEAT_DECIMALS).tolist(),
            region=evidence.whole().region,
        ),
        words=[
            TermWords(
                term=term.label,
                words=[Word(word=w.word, start=w.start, end=w.end, value=round(w.value, 6)) for w in term.words],
            )
            for term in evidence.words
        ],
        overlay_url=overlay_url,
        took_ms=round(took_ms, 3),
    )


def _overlay_url(serving: ServedGeneration, parameters: ExplainParameters, query: Query, root_path: str) -> str:
    asked = {
        "image_id": parameters.image_id,
        "collection": serving.collection,
        "query": as_query(query.source) if isinstance(query.source, Sentence) else None,
        "query_image_id": parameters.query_image_id,
        **(_AS_READ if isinstance(query.source, Sentence) else {}),
        "model": parameters.model,
        "modifier": [modifier.label for modifier in query.modifiers],
        "method": parameters.method,
        "format": "png",
    }
    return f"{root_path}/explain?{urlencode({name: value for name, value in asked.items() if value}, doseq=True)}"
