"""A query and one result of it, put together for the method that explains the score that a search shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from indexer.catalog.base import CaptionRecord, ImageRecord
from indexer.store.generation import Generation
from models.composition import Term, compose
from models.errors import ExplainMethodError
from models.evidence import Evidence, ImageRole
from models.explain.reranked import with_matcher
from models.explain.task import ExplainTask
from models.protocols import Match, ModelLibrary, SeenImage
from models.types import Side
from service.search.engine import reranked_contributions, stored_vector
from service.search.query import Query
from service.search.rerank import Reranking


def methods_for(library: ModelLibrary, model: str, query: Query | None, target: Side) -> Sequence[str]:
    """Return the methods that fit a model, and a query for a target where one is given, the default first.

    A caption that was found is the sentence that its image is explained by.
    """
    sentence = query is None or target == "text" or query.parts[0].text is not None
    return library.explain_methods(model, sentence=sentence)


def choose_method(library: ModelLibrary, model: str, query: Query, target: Side, asked: str | None) -> str:
    """Return the method that is asked for, or the default.

    Raises:
        ExplainMethodError: it does not fit the model or the query, or none does.
    """
    fitting = methods_for(library, model, query, target)
    method = next(iter(fitting), "") if asked is None else asked
    if method not in fitting:
        raise ExplainMethodError(method, model, fitting)
    return method


def image_task(
    generation: Generation,
    model: str,
    method: str,
    record: ImageRecord,
    terms: Sequence[Term],
    images: Mapping[ImageRole, SeenImage],
    matchers: Iterable[str],
) -> ExplainTask:
    """Return what is to be explained of an image of a generation.

    Args:
        generation: pinned by the caller.
        model: whose vectors are compared.
        method: by name.
        record: the catalog's entry of the image.
        terms: of the query.
        images: that the method looks at.
        matchers: names of the model's matchers that the generation holds features for.

    Raises:
        QueryError: the terms cancel each other out.
    """
    arrays = generation.feature_arrays
    features = {name: arrays[name].features([record.row])[0] for name in matchers}
    vector = stored_vector(generation, model, "image", record.row)
    return ExplainTask(model, method, compose(terms), vector, images, features)


def caption_task(
    generation: Generation,
    model: str,
    method: str,
    record: CaptionRecord,
    terms: Sequence[Term],
    images: Mapping[ImageRole, SeenImage],
) -> ExplainTask:
    """Return what is to be explained of a caption; as ``image_task``, with that image alone which the query has."""
    vector = stored_vector(generation, model, "text", record.row)
    return ExplainTask(model, method, compose(terms), vector, images, caption=record.text)


def as_reranked(
    evidence: Evidence,
    match: Match,
    generation: Generation,
    model: str,
    record: ImageRecord,
    reranking: Reranking | None,
    library: ModelLibrary,
) -> tuple[Evidence, str | None]:
    """Return the evidence of the score that a search shows, and the name of the matcher that has a part in it.

    That is the re-ranked score where the image is among those re-ranked, or else the one that is explained already.

    Args:
        evidence: of the score by the image's vector.
        match: that it is of.
        generation: pinned by the caller.
        model: whose vectors are compared.
        record: the catalog's entry of the image.
        reranking: of the search that found the image, if it had any.
        library: gives the matcher.
    """
    if reranking is None:
        return evidence, None
    shown = reranked_contributions(generation, model, match.query, record.row, reranking)
    if shown is None:
        return evidence, None
    name = reranking.matcher.card.name
    reranked = replace(match, matcher=library.matcher(name))
    return with_matcher(replace(evidence, contributions=shown), reranked), name
