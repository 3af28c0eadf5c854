"""Captions are written in one thread of their own, in their order; a captioner is loaded with its first caption.

It takes seconds to load and a quarter of a gigabyte, and most services are never asked for a caption. Once there, it
writes one in some 30 ms.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from models.errors import ModelError, QueryError, SemblanceError, UnknownModelError
from models.imaging.decode import ImageDecoder
from models.protocols import Captioner, GeneratedCaption, ModelLibrary
from models.types import Side
from service.search.query import Query
from service.security.paths import read_original
from service.serving.admission import Admission
from service.serving.generations import Serving
from service.serving.threads import run_in

log = structlog.get_logger()


class CaptionerUnavailableError(SemblanceError):
    """The captioner cannot be loaded."""


@dataclass(frozen=True)
class Written:
    """A caption and the name of the model that wrote it."""

    caption: GeneratedCaption
    model: str


class Captions:
    """Writes captions of query images; called on the event loop, works in a thread.

    Args:
        library: gives captioners.
        default: the captioner where a request names none.
        admission: bounds the captions.
        beam_width: sentences that are followed at once for each caption.
        decoder: decodes the images.
    """

    def __init__(
        self,
        library: ModelLibrary,
        *,
        default: str,
        admission: Admission,
        beam_width: int,
        decoder: ImageDecoder,
    ) -> None:
        self._library = library
        self._default = default
        self._admission = admission
        self._beam_width = beam_width
        self._decoder = decoder
        self._thread = ThreadPoolExecutor(1, "caption")

    async def write(self, serving: Serving, query: Query, asked: str | None) -> Written:
        """Write a caption of a query's image, uploaded or of the collection.

        Args:
            serving: pinned by the caller.
            query: with an image, as ``check_can_be_written`` makes sure.
            asked: the captioner's name; None for the default.

        Raises:
            QueryError: no captioner of that name.
            CaptionerUnavailableError: it cannot be loaded.
            OverloadedError: too many captions are waiting.
            OriginalNotFoundError: the file of the collection's image is not there any more.
        """
        with self._admission.admit():
            return await run_in(self._thread, self._write, serving, query, asked)

    def close(self) -> None:
        """Finish what runs; what waits is given up."""
        self._thread.shutdown(cancel_futures=True)

    def _write(self, serving: Serving, query: Query, asked: str | None) -> Written:
        from models.captioning.decoding import BeamSearch

        captioner = self._captioner(asked)
        content = query.image if query.image is not None else read_original(serving.generation, query.image_id or "")
        shrink_to = captioner.card.preprocessing.size
        prepared = captioner.prepare(self._decoder.decode(content, shrink_to=shrink_to).pixels)
        (caption,) = captioner.describe(prepared[None], BeamSearch(self._beam_width))
        return Written(caption, captioner.card.name)

    def _captioner(self, asked: str | None) -> Captioner:
        name = asked or self._default
        try:
            return self._library.captioner(name)
        except ModelError as error:
            if asked and isinstance(error, UnknownModelError):
                raise QueryError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
            log.warning("captioner not loaded", captioner=name, reason=str(error))
            raise CaptionerUnavailableError(
                f"The captioner {name!r} cannot be loaded; the log of the service says why."
            ) from None


def check_can_be_written(query: Query, target: Side) -> None:
    """Make sure that a caption can be written for a query.

    Raises:
        QueryError: it has no image, or does not ask for text.
    """
    if target != "text":
        raise QueryError("generate writes a caption, and this query is for images: add target=text, or leave it out.")
    if query.image is None and query.image_id is None:
        raise QueryError("generate writes a caption of an image, and this query has none: send one, or an id.")
