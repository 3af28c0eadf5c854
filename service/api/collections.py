"""``/collections``: what is served, and loading the newest generation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool

from indexer.errors import CollectionNotFoundError
from indexer.store.index_kind import kind_named
from service.api.schemas import CollectionAnswer, CollectionsAnswer, IndexAnswer, MatcherAnswer, ModelAnswer
from service.api.state import State, StateNow
from service.errors import problems
from service.security.access import require_admin

router = APIRouter(tags=["collections"])

Name = Annotated[str, Path(max_length=64)]


@router.get("/collections", responses=problems(401))
async def collections(state: StateNow) -> CollectionsAnswer:
    """List the collections in service."""
    found = []
    for name in state.generations.names:
        try:
            found.append(_describe(state, name))
        except CollectionNotFoundError:  # taken out of service since it was listed
            continue
    return CollectionsAnswer(collections=found, default=state.generations.default)


@router.get("/collections/{name}", responses=problems(401, 404, 409, 422, 503))
async def collection(name: Name, state: StateNow) -> CollectionAnswer:
    """Describe one collection."""
    return _describe(state, name)


@router.post("/collections/{name}/reload", responses=problems(401, 403, 404, 409, 422, 503))
async def reload(name: Name, state: StateNow) -> CollectionAnswer:
    """Put a collection's newest generation into service; where it is unfit, the present one stays. Needs admin."""
    require_admin()
    await run_in_threadpool(state.generations.reload, name)
    return _describe(state, name)


def _describe(state: State, name: str) -> CollectionAnswer:
    with state.generations.pin(name) as served:
        generation, images = served.generation, served.images.entry
        index = kind_named(images.index_kind).describe(images.recall_at_10)
        return CollectionAnswer(
            name=served.collection,
            generation=generation.number,
            images=generation.catalog.image_count,
            captions=generation.catalog.caption_count,
            created_at=generation.created_at,
            models=[
                ModelAnswer(
                    name=model_name,
                    dimension=model.images.dimension,
                    explain_methods=list(state.explanations.methods(model_name)),
                )
                for model_name, model in served.models.items()
            ],
            matchers=[
                MatcherAnswer(name=matcher_name, model=model_name)
                for model_name, model in served.models.items()
                for matcher_name in model.matchers
            ],
            index=IndexAnswer(kind=index.kind, exact=index.exact, recall_at_10=index.recall_at_10),
            model=served.model,
        )
