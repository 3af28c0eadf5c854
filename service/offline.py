"""Searching without a server: what ``semblance search`` does."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from indexer.collections import collection_dir, collection_names
from indexer.store.generation import open_current
from models.errors import QueryError
from models.imaging.decode import ImageDecoder
from models.imaging.decode_pool import DecoderPool
from models.inference.cache_folder import cache_folder
from models.library import InstalledModels
from models.protocols import DualEncoder, Matcher
from models.text.spelling import Spelling, load_spelling
from models.types import Side
from service.search.confidence import Strength, is_sure_enough
from service.search.correction import Reading, read_words
from service.search.grammar import QueryLimits, parse_beside_image, parse_query
from service.search.plan import EncodedQuery, check_same_model, plan_search, prepare_image, words_read
from service.search.query import ImageFile, Page, Query
from service.search.rerank import NO_MATCHER, RerankChoice
from service.serving.generations import CollectionChoiceError
from service.serving.matchers import Matchers
from service.settings import Settings


@dataclass(frozen=True)
class Share:
    """What one term of the query adds to a score."""

    term: str
    value: float


@dataclass(frozen=True)
class Line:
    """One result; the contributions sum to the score.

    ``path`` is relative to the folder that was indexed; ``file`` is the ``key`` of the file as text that prints.
    """

    rank: int
    score: float
    path: str
    file: str
    id: str
    caption: str | None
    contributions: tuple[Share, ...]
    confidence: float | None
    strength: Strength
    key: str = field(repr=False, default="")


class Searcher:
    """Searches one collection again and again; a context that holds it open.

    Args:
        settings: see ``docs/settings.md``.
        collection: its name.
        rerank: name of a matcher, ``none``, or None for the setting's default.

    Raises:
        SemblanceError: whatever is wrong with the collection or the model.
    """

    def __init__(self, settings: Settings, collection: str, rerank: str | None = None) -> None:
        self._settings = settings
        self._choice = RerankChoice(rerank, settings.rerank, settings.rerank_depth)
        self._decoder = DecoderPool(1, settings.decode_limits)
        folder, reranks = collection_dir(settings.data_dir, collection), self._choice.name != NO_MATCHER
        self._generation = open_current(folder, features=reranks)
        try:
            model = settings.model or self._generation.models[0]
            library = InstalledModels(settings.execution, cache_folder(settings.cache_dir), data_dir=settings.data_dir)
            self._encoder = library.encoder(model)
            check_same_model(self._generation, self._encoder.card, "image")
            self._matchers: dict[str, Matcher] = {}
            if reranks:  # they are slow to load
                self._matchers = Matchers(library).fitting(self._generation, model)
        except BaseException:
            self._generation.close()
            raise

    @cached_property
    def _spelling(self) -> Spelling:
        return load_spelling()

    def __enter__(self) -> Searcher:
        return self

    def __exit__(self, *_error: object) -> None:
        self._decoder.close()
        self._generation.close()

    def search(
        self,
        words: str,
        image: bytes | None,
        modifiers: Sequence[str],
        target: Side,
        page: Page,
        min_confidence: float | None = None,
        *,
        negation: bool = True,
        correct: bool = True,
    ) -> tuple[list[Line], tuple[str, ...]]:
        """Search once, and return the results with the warnings.

        Args:
            words: a sentence with signed words, or nothing.
            image: the file of an image that is searched by; the words then steer it.
            modifiers: more signed words.
            target: what is to be found.
            page: which of the results are wanted.
            min_confidence: results of less, or without one, are left out.
            negation: subtract what the sentence says is absent.
            correct: read a word in which one letter is wrong as a word of captions.

        Raises:
            SemblanceError: whatever is wrong with the query.
        """
        query = self._query(self._read(words, correct), image, modifiers, negation)
        generation = self._generation
        card, choice = self._encoder.card, self._choice
        plan = plan_search(generation, card, self._matchers, query, target=target, page=page, rerank=choice)
        found = plan.run(encode_query(query, self._encoder, self._decoder))
        hits = [hit for hit in found.hits if is_sure_enough(hit.confidence, min_confidence)]
        keys = [generation.catalog.original_keys(hit.image.id)[0] for hit in hits]
        return [
            Line(
                rank=hit.rank,
                score=hit.score,
                path=hit.image.path,
                file=_printable(key),
                id=hit.id,
                caption=hit.caption,
                contributions=tuple(Share(*part) for part in hit.contributions),
                confidence=hit.confidence,
                strength=hit.strength,
                key=key,
            )
            for hit, key in zip(hits, keys, strict=True)
        ], (*_told(query), *(notice.text for notice in found.notices))

    def _read(self, words: str, correct: bool) -> Reading:
        if not self._spelling.is_doubtful(words):
            return Reading(words)
        return read_words(words, self._spelling, self._encoder.card, self._generation, correct=correct)

    def _query(self, read: Reading, image: bytes | None, modifiers: Sequence[str], negation: bool) -> Query:
        query = parse_offline(read.text, image, modifiers, self._settings.query_limits, negation=negation)
        unknown = read.unknown if image is None else query.unknown
        return replace(query, correction=read.correction, unknown=unknown)


def choose_collection(
    settings: Settings, arguments: list[str], named: str | None, *, steered: bool
) -> tuple[str, list[str]]:
    """Return the collection that is searched, and the queries.

    The first argument may be the name of a collection; without one the only collection is searched, or the default.

    Args:
        settings: of the folder and the default collection.
        arguments: of the command.
        named: the option that names the collection.
        steered: an image or modifiers stand beside the arguments, so that no query is needed.

    Raises:
        InputError: it is not plain which collection is meant, there is none, or nothing says what to look for.
    """
    names = collection_names(settings.data_dir)
    if named is None and arguments and arguments[0] in names and (len(arguments) > 1 or steered):
        named, *arguments = arguments
    if not arguments and not steered:
        raise QueryError('Say what to look for: semblance search "a dog", or --image FILE.')
    if named is None:
        named = settings.default_collection or (names[0] if len(names) == 1 else None)
        looks_like_a_name = len(arguments) > 1 and re.fullmatch(r"[a-z0-9_-]+", arguments[0])
        there_are = ", ".join(names) or "none yet; semblance index FOLDER makes one"
        if named is None or (looks_like_a_name and arguments[0] not in names):
            told = f"There is no collection {arguments[0]!r}. " if looks_like_a_name else ""
            raise CollectionChoiceError(
                f'{told}Name the collection: semblance search --collection NAME "a dog". There are: {there_are}.'
            )
    return named, arguments


def parse_offline(
    words: str, image: bytes | None, modifiers: Sequence[str], limits: QueryLimits, *, negation: bool = True
) -> Query:
    """Parse a sentence with signed words, or the file of an image that words steer.

    Raises:
        QueryError: as the grammar does.
    """
    if image is None:
        return Query(*parse_query(words, modifiers, limits, negation=negation))
    return Query(ImageFile(image), parse_beside_image([*([words] if words.strip() else []), *modifiers], limits))


def encode_query(query: Query, encoder: DualEncoder, decoder: ImageDecoder) -> EncodedQuery:
    """Encode a query's words and its image file, one after the other."""
    prepared = [prepare_image(content, encoder, decoder)[np.newaxis] for content in query.image_files]
    return EncodedQuery(
        query,
        words=list(encoder.encode_texts(query.words)),
        images=[encoder.encode_images(image)[0] for image in prepared],
        words_read=words_read(query, encoder),
    )


def _told(query: Query) -> list[str]:
    """Say in what a query was read otherwise than it was written."""
    told = []
    if query.correction is not None:
        written, read = query.correction
        told.append(f"Showing results for {read!r}; search instead for {written!r} with --correct off.")
    told += [
        f"{modifier.source!r} is read as {modifier.label}; --negation off leaves it in the sentence."
        for modifier in query.modifiers
        if modifier.source is not None
    ]
    return told


def _printable(key: str) -> str:
    """Return a file's key as text that prints: a file name need not be text in any encoding."""
    return os.fsencode(key).decode(errors="replace")
