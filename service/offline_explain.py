"""Explaining a score without a server: what ``semblance explain`` does."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from indexer.collections import collection_dir
from indexer.store.generation import Generation, open_current
from models.composition import Term, compose
from models.errors import InputError, QueryError
from models.evidence import Evidence, ImageRole
from models.explain.task import ExplainTask, explain
from models.imaging.decode_pool import DecoderPool
from models.imaging.overlay import overlay_png
from models.imaging.photograph import Photograph
from models.inference.cache_folder import cache_folder
from models.library import InstalledModels
from models.names import DEFAULT_MODEL
from models.protocols import SeenImage
from models.types import Side
from service.offline import choose_collection, encode_query, parse_offline
from service.search.engine import find_caption, find_image
from service.search.explanation import as_reranked, caption_task, choose_method, image_task
from service.search.plan import check_same_model
from service.search.rerank import NO_MATCHER, RerankChoice, choose_reranking
from service.security.paths import read_original
from service.serving.matchers import Matchers
from service.settings import Settings


@dataclass(frozen=True)
class Asked:
    """What is to be explained, and how.

    Attributes:
        result: a photograph's file, or the id of an image or a caption of a collection.
        words: the sentence that was searched for, with signed words.
        image: the file of the image that was searched by instead; the words then steer it.
        modifiers: more signed words.
        collection: the name of the collection that an id is of; None for the only or the default one.
        target: what the id is of, ``text`` for a caption.
        method: by name; None for the model's default.
        rerank: the matcher that re-ranked the search, ``none``, or None for the setting's default.
    """

    result: str
    words: str
    image: bytes | None = None
    modifiers: Sequence[str] = ()
    collection: str | None = None
    target: Side = "image"
    method: str | None = None
    rerank: str | None = None


@dataclass(frozen=True)
class Explained:
    """An explanation, and its picture.

    Attributes:
        method: by which.
        evidence: why the result has its score.
        png: the photograph, painted; None where there is none: words found a caption.
    """

    method: str
    evidence: Evidence
    png: bytes | None


def explain_offline(settings: Settings, asked: Asked) -> Explained:
    """Explain why a result has its score.

    Args:
        settings: see ``docs/settings.md``.
        asked: what is to be explained.

    Raises:
        SemblanceError: whatever is wrong with the result, the collection, the query or the method.
    """
    with ExitStack() as stack:
        decoder = DecoderPool(1, settings.decode_limits)
        stack.callback(decoder.close)
        generation = _open(settings, asked)
        if generation is not None:
            stack.callback(generation.close)
        threads = stack.enter_context(ThreadPoolExecutor(1))
        return _Explaining(settings, asked, generation, decoder, threads).explained()


def _open(settings: Settings, asked: Asked) -> Generation | None:
    """Return the generation that holds the result; None where that is a file of its own."""
    if asked.target == "image" and Path(asked.result).is_file():
        if asked.rerank not in (None, NO_MATCHER):
            raise QueryError("A matcher re-ranks the images of a collection: give the id of one, or leave rerank out.")
        return None
    name, _ = choose_collection(settings, [], asked.collection, steered=True)
    return open_current(collection_dir(settings.data_dir, name))


class _Explaining:
    """One explanation, with all that it needs."""

    def __init__(
        self, settings: Settings, asked: Asked, generation: Generation | None, decoder: DecoderPool, threads: Executor
    ) -> None:
        self._settings, self._asked, self._generation = settings, asked, generation
        self._decoder, self._threads = decoder, threads
        self._library = InstalledModels(
            settings.execution, cache_folder(settings.cache_dir), data_dir=settings.data_dir
        )
        self._model = settings.model or (DEFAULT_MODEL if generation is None else generation.models[0])
        self._photograph = cache(self._decoded)  # what is looked at is painted, too
        self._query = parse_offline(asked.words, asked.image, asked.modifiers, settings.query_limits)
        self._method = choose_method(self._library, self._model, self._query, asked.target, asked.method)
        self._encoder = self._library.encoder(self._model, in_caller=True)

    def explained(self) -> Explained:
        """Explain, and paint."""
        evidence = self._evidence()
        png = None
        if evidence.image is not None:
            region, side = evidence.whole(evidence.image).region, self._settings.overlay_side_px
            photograph = self._photograph(evidence.image, side)
            png = overlay_png(photograph, evidence.strength(evidence.image), region, side)
        return Explained(self._method, evidence, png)

    def _evidence(self) -> Evidence:
        generation, model, method, result = self._generation, self._model, self._method, self._asked.result
        if generation is None:
            seen = self._looked_at({"result"})
            (vector,) = self._encoder.encode_images(seen["result"].pixels[None])
            task = ExplainTask(model, method, compose(self._terms()), vector, seen)
            return explain(self._library, task, self._threads)
        if self._asked.target == "text":
            check_same_model(generation, self._encoder.card, "text")
            caption = find_caption(generation, result)
            task = caption_task(generation, model, method, caption, self._terms(), self._seen({"query"}))
            return explain(self._library, task, self._threads)
        image = find_image(generation, result)
        matchers = Matchers(self._library).fitting(generation, model)
        choice = RerankChoice(self._asked.rerank, self._settings.rerank, self._settings.rerank_depth)
        reranking = choose_reranking(choice, matchers, self._query, "image")
        task = image_task(generation, model, method, image, self._terms(), self._looked_at(), matchers)
        of_vectors = explain(self._library, task, self._threads)
        match = task.match(self._encoder.encode_texts)
        return as_reranked(of_vectors, match, generation, model, image, reranking, self._library)[0]

    def _terms(self) -> list[Term]:
        encoded = encode_query(self._query, self._encoder, self._decoder)
        vectors = [*encoded.images, *encoded.words]  # as the parts are: an image comes first
        return [
            Term(part.label, vector, part.weight, part.text)
            for part, vector in zip(self._query.parts, vectors, strict=True)
        ]

    def _looked_at(self, besides: AbstractSet[ImageRole] = frozenset()) -> dict[ImageRole, SeenImage]:
        return self._seen(self._library.explainer(self._model, self._method).looks_at | besides)

    def _seen(self, roles: AbstractSet[ImageRole]) -> dict[ImageRole, SeenImage]:
        """Return those of the images that there are, as the encoder sees them."""
        seen: dict[ImageRole, SeenImage] = {}
        for role in roles:
            if role == "query" and self._asked.image is None:
                continue
            card = self._encoder.card.preprocessing
            photograph = self._photograph(role, card.size if role == "query" else self._settings.overlay_side_px)
            region = card.visible_region(photograph.width, photograph.height)
            seen[role] = SeenImage(self._encoder.prepare(photograph.pixels), region)
        return seen

    def _decoded(self, role: ImageRole, shrink_to: int) -> Photograph:
        content = self._asked.image if role == "query" else None
        return self._decoder.decode(content or self._content(), shrink_to=shrink_to)

    def _content(self) -> bytes:
        if self._generation is not None:
            return read_original(self._generation, self._asked.result)
        path = Path(self._asked.result)
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
