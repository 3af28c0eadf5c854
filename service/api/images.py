"""``/images``: the collection's images in an order; of each its catalog entry, thumbnail, original."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Query as Parameters
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from indexer.catalog.base import ImageRecord
from indexer.store.generation import Generation
from models.imaging.formats import DECODER_REVISION
from service.api.cursor import read_browsing_cursor, write_browsing_cursor
from service.api.schemas import BrowsedImages, BrowseParameters, CollectionName, ImageAnswer
from service.api.shaping import browsed_image, collection_used, image_metadata, image_url, is_known, json_response
from service.api.state import StateNow
from service.errors import problems
from service.search.engine import find_image
from service.search.grammar import parse_page
from service.security.paths import original_path, read_original
from service.serving.queries import StaleCursorError

router = APIRouter(prefix="/images", tags=["images"])

Collection = Annotated[CollectionName, Parameters()]

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "HEIF": "image/heic",
    "AVIF": "image/avif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "JXL": "image/jxl",
    "RAW": "image/x-dcraw",  # of every maker, as the freedesktop.org database has it
    "MPO": "image/jpeg",  # what earlier versions called a JPEG with several pictures
}
"""Of originals, by the catalog's name of their format."""

_DAY_S = 24 * 3600
_ASK_EACH_TIME = "private, no-cache"  # a file may change or go; its ETag tells
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified"}}


@router.get("", response_model=BrowsedImages, responses=problems(401, 404, 409, 422, 503))
def browse(request: Request, asked: Annotated[BrowseParameters, Parameters()], state: StateNow) -> Response:
    """List a collection's images, whatever they show, a page at a time."""
    k = parse_page(asked.k, 0, state.settings.query_limits).k
    with state.generations.pin(asked.collection) as served:
        number, catalog = served.generation.number, served.generation.catalog
        of, after = (number, None) if asked.cursor is None else read_browsing_cursor(asked.cursor, asked.sort)
        if of != number:
            raise StaleCursorError("The collection has been indexed again since: start again from the first page.")
        records = catalog.browse(asked.sort, after, k + 1)
        more = len(records) > k
        return json_response(
            BrowsedImages(
                results=[
                    browsed_image(record, served.collection, request.scope["root_path"]) for record in records[:k]
                ],
                collection=collection_used(served),
                next_cursor=write_browsing_cursor(number, asked.sort, records[k - 1].row) if more else None,
                total=catalog.image_count,
            )
        )


@router.get("/{image_id}", responses=problems(401, 404, 409, 422, 503))
def image(image_id: str, request: Request, state: StateNow, collection: Collection = None) -> ImageAnswer:
    """Return the catalog's entry of an image."""
    with state.generations.pin(collection) as served:
        record = find_image(served.generation, image_id)
        return ImageAnswer(
            id=record.id,
            path=record.path,
            metadata=image_metadata(record),
            captions=list(record.captions),
            thumbnail_url=image_url(record.id, "thumbnail", served.collection, request.scope["root_path"]),
            file_url=image_url(record.id, "file", served.collection, request.scope["root_path"]),
        )


@router.get(
    "/{image_id}/thumbnail",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
        **_NOT_MODIFIED,
        **problems(400, 401, 404, 409, 413, 422, 503),
    },
)
async def thumbnail(image_id: str, request: Request, state: StateNow, collection: Collection = None) -> Response:
    """Return a small WebP of an image, which only another version of the decoder would make otherwise."""
    with state.generations.pin(collection) as served:
        record = await run_in_threadpool(find_image, served.generation, image_id)
        headers = {
            "ETag": f'"{record.id}-{state.settings.thumbnail_side_px}-{DECODER_REVISION}"',
            "Cache-Control": f"private, max-age={_DAY_S}, stale-while-revalidate={30 * _DAY_S}",
        }
        if is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(await state.thumbnails.get(served, record.id), headers=headers, media_type="image/webp")


@router.get(
    "/{image_id}/file",
    response_class=Response,
    responses={
        200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}},
        206: {"description": "A part of the file"},
        **_NOT_MODIFIED,
        **problems(400, 401, 404, 409, 416, 422, 503),
    },
)
def file(image_id: str, request: Request, state: StateNow, collection: Collection = None) -> Response:
    """Return an image's own file, whole or in part."""
    with state.generations.pin(collection) as served:
        record = find_image(served.generation, image_id)
        response = _original(served.generation, record)
    if is_known(request, response.headers["etag"]):
        return Response(status_code=304, headers={"ETag": response.headers["etag"]})
    return response


def _original(generation: Generation, record: ImageRecord) -> Response:
    """Return an image's file: in parts, where asked, if it lies on this machine; else whole."""
    media_type, headers = MEDIA_TYPES.get(record.format, "application/octet-stream"), {"Cache-Control": _ASK_EACH_TIME}
    path = original_path(generation, record.id)
    if path is None:
        content = read_original(generation, record.id)
        return Response(content, media_type=media_type, headers={**headers, "ETag": f'"{record.id}"'})
    return _LocalFile(
        path,
        stat_result=path.stat(),
        media_type=media_type,
        headers=headers,
        filename=record.name,  # what a browser that saves it calls it
        content_disposition_type="inline",
    )


class _LocalFile(FileResponse):
    """A file whose refusals have the form of every other error."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_unless_refused(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                raise HTTPException(message["status"], "The Range header asks for what the file does not have.")
            await send(message)

        await super().__call__(scope, receive, send_unless_refused)
