"""What the routes share, built once when the application starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from service.observability import Metrics
from service.serving.explanations import Explanations
from service.serving.generations import Generations
from service.serving.queries import Queries
from service.serving.spelling import QuerySpelling
from service.serving.thumbnails import Thumbnails
from service.settings import Settings


@dataclass(frozen=True)
class State:
    """The parts of the running service."""

    settings: Settings
    metrics: Metrics
    generations: Generations
    queries: Queries
    spelling: QuerySpelling
    explanations: Explanations
    thumbnails: Thumbnails


async def _state(request: Request) -> State:  # async, or FastAPI calls it in a thread, which takes longer than it does
    state: State = request.app.state.parts
    return state


StateNow = Annotated[State, Depends(_state)]
