"""Writes captions, one after the other in a thread of its own; a captioner is loaded when it is first asked for.

Loading one takes seconds and a quarter of a gigabyte, and most services are never asked for a caption. A loaded one
writes a caption in some 30 ms.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from models.errors import ModelError, QueryError, SemblanceError, UnknownModelError
from models.evidence import Region
from models.imaging.decode import ImageDecoder
from models.protocols import Captioner, DecoderName, GeneratedCaption, ModelLibrary
from models.types import Side
from service.search.query import CollectionImage, ImageFile, Query
from service.security.paths import read_original
from service.serving.admission import Admission
from service.serving.generations import ServedGeneration
from service.serving.threads import run_in

log = structlog.get_logger()


class CaptionerUnavailableError(SemblanceError):
    """The captioner cannot be loaded."""


@dataclass(frozen=True)
class Decoding:
    """How a caption is found; see ``models.captioning.decoders``.

    Attributes:
        name: of the decoder.
        temperature: of sampling.
        seed: of sampling.
    """

    name: DecoderName = "beam"
    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class CaptionRequest:
    """A caption that is to be written.

    Attributes:
        image: of which image.
        captioner: the name of the model that writes it; None for the default one.
        decoding: how its words are found.
    """

    image: ImageFile | CollectionImage
    captioner: str | None = None
    decoding: Decoding = Decoding()


@dataclass(frozen=True)
class WrittenCaption:
    """A caption, the name of the model that wrote it, that of its decoder, and what part of the image it saw."""

    caption: GeneratedCaption
    model: str
    decoder: DecoderName
    region: Region


def caption_request(query: Query, target: Side, captioner: str | None, decoding: Decoding) -> CaptionRequest:
    """Return the request for a caption of a query's image.

    Raises:
        QueryError: the query has no image, or does not ask for text.
    """
    if target != "text":
        raise QueryError("generate writes a caption, and this query is for images: add target=text, or leave it out.")
    if not isinstance(query.source, ImageFile | CollectionImage):
        raise QueryError("generate writes a caption of an image, and this query has none: send one, or an id.")
    return CaptionRequest(query.source, captioner, decoding)


class Captions:
    """Writes captions of query images; called on the event loop, works in a thread.

    Args:
        library: gives captioners.
        default: the captioner where a request names none.
        admission: limits how many captions are being written or waiting.
        beam_width: width of the beam search, in sentences.
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

    async def write(self, served: ServedGeneration, request: CaptionRequest) -> WrittenCaption:
        """Write a caption of an image, uploaded or of the collection.

        Args:
            served: pinned by the caller.
            request: which image, and which captioner.

        Raises:
            QueryError: there is no captioner of that name.
            CaptionerUnavailableError: it cannot be loaded.
            OverloadedError: too many captions are waiting.
            ImageError: the image cannot be decoded.
            OriginalNotFoundError: the file of the collection's image is gone.
        """
        with self._admission.admit():
            return await run_in(self._thread, self._write, served, request)

    def close(self) -> None:
        """Wait for what runs, and cancel what has not started."""
        self._thread.shutdown(cancel_futures=True)

    def _write(self, served: ServedGeneration, request: CaptionRequest) -> WrittenCaption:
        from models.captioning.decoders import make_decoder

        captioner = self._captioner(request.captioner)
        match request.image:
            case ImageFile():
                content = request.image.content
            case CollectionImage():
                content = read_original(served.generation, request.image.id)
        preprocessing = captioner.card.preprocessing
        photograph = self._decoder.decode(content, shrink_to=preprocessing.size)
        prepared = captioner.prepare(photograph.pixels)
        how = request.decoding
        decoder = make_decoder(how.name, width=self._beam_width, temperature=how.temperature, seed=how.seed)
        (caption,) = captioner.describe(prepared[None], decoder)
        region = preprocessing.visible_region(photograph.width, photograph.height)
        return WrittenCaption(caption, captioner.card.name, how.name, region)

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
