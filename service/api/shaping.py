"""Turns results of the service into the answers of the HTTP interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from indexer.catalog.base import ImageRecord
from service.api.cursor import write_cursor
from service.api.schemas import (
    BrowsedImage,
    CollectionUsed,
    Contribution,
    CorrectionEcho,
    GeneratedText,
    GeneratedWord,
    ImageMetadata,
    Milliseconds,
    ModifierEcho,
    NoticeAnswer,
    QueryEcho,
    Result,
    SearchResults,
)
from service.search.confidence import is_sure_enough
from service.search.notices import NO_CONFIDENCE
from service.search.query import CollectionImage, Query, Sentence
from service.serving.captions import WrittenCaption
from service.serving.generations import ServedGeneration
from service.serving.queries import SearchAnswer


def json_response(answer: Mapping[str, object], headers: dict[str, str] | None = None) -> Response:
    """Serialise an answer of ``schemas``; it is not validated again, which FastAPI would do."""
    return Response(to_json(answer), headers=headers, media_type="application/json")


def search_results(
    query: Query,
    answer: SearchAnswer,
    max_offset: int,
    total_ms: float,
    root_path: str = "",
    min_confidence: float | None = None,
) -> SearchResults:
    """Shape a page of results.

    Args:
        query: as it was understood.
        answer: what was found.
        max_offset: no page beyond it is offered.
        total_ms: milliseconds that the whole took.
        root_path: which addresses are below.
        min_confidence: results of less, or without any, are left out, and with them the pages that follow.
    """
    found, name = answer.found, answer.served.collection
    hits = [hit for hit in found.hits if is_sure_enough(hit.confidence, min_confidence)]
    notices = list(found.notices)
    if min_confidence is not None and found.hits and all(hit.confidence is None for hit in found.hits):
        notices.append(NO_CONFIDENCE)
    complete = len(hits) == len(found.hits)
    next_offset = found.next_offset if complete else None
    last = found.last if complete else None
    return SearchResults(
        query=query_echo(query),
        generated=[generated_text(written) for written in answer.captions],
        results=[
            Result(
                id=hit.id,
                rank=hit.rank,
                score=hit.score,
                confidence=hit.confidence,
                strength=hit.strength,
                caption=hit.caption,
                image_id=hit.image.id,
                path=hit.image.path,
                thumbnail_url=image_url(hit.image.id, "thumbnail", name, root_path),
                metadata=image_metadata(hit.image),
                contributions=contributions(hit.contributions),
            )
            for hit in hits
        ],
        collection=collection_used(answer.served),
        took_ms=Milliseconds(
            encode=round(answer.encode_ms, 3),
            search=round(found.search_ms, 3),
            rerank=round(found.rerank_ms, 3),
            hydrate=round(found.hydrate_ms, 3),
            generate=round(answer.caption_ms, 3),
            total=round(total_ms, 3),
        ),
        next=next_offset if next_offset is not None and next_offset <= max_offset else None,
        next_cursor=None if last is None else write_cursor(answer.served.generation.number, last),
        total=found.total,
        warnings=[notice.text for notice in notices],
        notices=[NoticeAnswer(code=notice.code, text=notice.text) for notice in notices],
    )


def browsed_image(record: ImageRecord, collection: str, root_path: str = "") -> BrowsedImage:
    """Shape an image as a search's result that nothing was searched for."""
    return BrowsedImage(
        id=record.id,
        caption=record.captions[0] if record.captions else None,
        image_id=record.id,
        path=record.path,
        thumbnail_url=image_url(record.id, "thumbnail", collection, root_path),
        metadata=image_metadata(record),
    )


def generated_text(written: WrittenCaption) -> GeneratedText:
    """Shape a caption that a model wrote."""
    caption = written.caption
    maps = (
        [None] * len(caption.words) if caption.attention is None else caption.attention.astype(float).round(4).tolist()
    )
    return GeneratedText(
        text=caption.text,
        model=written.model,
        decoder=written.decoder,
        log_probability=round(caption.log_probability, 4),
        words=[GeneratedWord(word=word, attention=look) for word, look in zip(caption.words, maps, strict=True)],
        region=written.region,
    )


def query_echo(query: Query) -> QueryEcho:
    """Repeat a query as it was understood."""
    source, fixed = query.source, query.correction
    return QueryEcho(
        text=source.text if isinstance(source, Sentence) else None,
        image_id=source.id if isinstance(source, CollectionImage) else None,
        modifiers=[
            ModifierEcho(text=modifier.text, weight=modifier.weight, source=modifier.source)
            for modifier in query.modifiers
        ],
        corrected=None if fixed is None else CorrectionEcho(written=fixed.written, read=fixed.read),
    )


def contributions(pairs: Iterable[tuple[str, float]]) -> list[Contribution]:
    """Shape the parts of a score."""
    return [Contribution(term=label, value=value) for label, value in pairs]


def collection_used(served: ServedGeneration) -> CollectionUsed:
    """Name the generation that answered."""
    return CollectionUsed(
        name=served.collection,
        generation=served.generation.number,
        model=served.model,
        index=served.images.entry.index_kind,
        exact=served.images.entry.exact,
    )


def image_metadata(record: ImageRecord) -> ImageMetadata:
    """Shape what the catalog knows of an image."""
    return ImageMetadata(
        name=record.name,
        width=record.width,
        height=record.height,
        format=record.format,
        taken_at=record.taken_at,
        camera=record.camera,
        modified_at=record.modified_at,
        added_at=record.added_at,
        orientation=record.orientation,
        lens=record.lens,
        iso=record.iso,
        latitude=record.latitude,
        longitude=record.longitude,
        tags=list(record.tags),
        title=record.title,
        remark=record.remark,
    )


def image_url(image_id: str, kind: str, collection: str, root_path: str = "") -> str:
    """Return the address of an image's thumbnail or file."""
    return f"{root_path}/images/{image_id}/{kind}?collection={collection}"  # hex digits and a-z0-9_- need no quoting


def is_known(request: Request, etag: str) -> bool:
    """Tell whether ``If-None-Match`` holds an answer's entity tag: the caller has it already, and a 304 is enough."""
    given = request.headers.get("if-none-match", "")
    return given == "*" or etag in (tag.strip().removeprefix("W/") for tag in given.split(","))
