"""Health and metrics."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from service.api.schemas import Status
from service.api.state import StateNow
from service.errors import problems
from service.serving.generations import NotReadyError

router = APIRouter(tags=["operation"])


@router.get("/livez")
async def livez() -> Status:
    """Tell that the process answers."""
    return Status(status="alive")


@router.get("/readyz", responses=problems(503))
async def readyz(state: StateNow) -> Status:
    """Tell whether searches can be answered: collections and models are loaded, and what servers keep is there."""
    loading = state.generations.loading
    if loading is None:
        raise NotReadyError("The service is starting.")
    if loading:
        raise NotReadyError(f"Still to be loaded: {', '.join(loading)}.")
    if not state.generations.names:
        raise NotReadyError("No collection is in service: run semblance index, then POST /collections/NAME/reload.")
    await run_in_threadpool(state.generations.check)
    return Status(status="ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401)},
)
async def metrics(state: StateNow) -> Response:
    """Return the metrics in Prometheus' text form."""
    return Response(generate_latest(state.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
