"""The measures of relevance by name: proxies for what people would say (Gordo & Larlus, CVPR 2017, table 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from lab.data.captioned import CaptionedImages
from lab.evaluation.encoded import Progress
from lab.evaluation.relevance import Relevance, TfidfRelevance
from models.errors import InputError
from models.imaging.decode import decode_image
from models.names import DEFAULT_CAPTIONER
from models.types import Pixels

CAPTIONER = DEFAULT_CAPTIONER
_BATCH = 32

Proxy = Callable[[CaptionedImages, Progress | None], Relevance]


def build_proxy(name: str, data: CaptionedImages, on_progress: Progress | None = None) -> Relevance:
    """Return the relevances between the images of a set.

    Args:
        name: of the proxy.
        data: the images and their captions.
        on_progress: called with images done and total by those that look at the images.

    Raises:
        InputError: no such proxy; the message lists those there are.
    """
    if name not in PROXIES:
        raise InputError(f"no proxy named {name!r}; there are: {', '.join(PROXIES)}")
    return PROXIES[name](data, on_progress)


def _tfidf(data: CaptionedImages, _: Progress | None) -> Relevance:
    return TfidfRelevance(data.captions)


def _meteor(data: CaptionedImages, _: Progress | None) -> Relevance:
    from lab.evaluation.meteor_relevance import MeteorRelevance

    return MeteorRelevance(data.captions)


def _fisher(data: CaptionedImages, _: Progress | None) -> Relevance:
    from lab.evaluation.fisher_relevance import FisherRelevance
    from models.text.word_vectors import load_word_vectors

    return FisherRelevance(data.captions, load_word_vectors())


def _generated(data: CaptionedImages, on_progress: Progress | None) -> Relevance:
    return TfidfRelevance(generate_captions(data.files, on_progress), "tf-idf of generated captions")


PROXIES: dict[str, Proxy] = {"tfidf": _tfidf, "meteor": _meteor, "word2vec-fv": _fisher, "generated": _generated}


def generate_captions(files: Sequence[Path], on_progress: Progress | None = None) -> list[tuple[str]]:
    """Let the captioner that ships write one caption an image.

    Raises:
        UnknownModelError: it does not ship.
    """
    from models.captioning.decoding import BeamSearch
    from models.library import InstalledModels

    captioner = InstalledModels().captioner(CAPTIONER)
    size = captioner.card.preprocessing.size
    captions: list[tuple[str]] = []
    with ThreadPoolExecutor(2) as pool:
        prepared = pool.map(
            lambda file: captioner.prepare(decode_image(file.read_bytes(), shrink_to=size).pixels), files
        )
        for batch in _batches(prepared):
            captions += [(caption.text,) for caption in captioner.describe(np.stack(batch), BeamSearch())]
            if on_progress:
                on_progress(len(captions), len(files))
    return captions


def _batches(items: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    while batch := list(islice(items, _BATCH)):
        yield batch
