"""The measures of relevance by name: proxies for what people would say (Gordo & Larlus, CVPR 2017, table 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lab.data.captioned import CaptionedImages
from lab.data.pixels import Progress
from lab.evaluation.described import describe_files
from lab.evaluation.relevance import Relevance, TfidfRelevance
from models.errors import InputError
from models.names import DEFAULT_CAPTIONER

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

    described = describe_files(InstalledModels().captioner(DEFAULT_CAPTIONER), files, BeamSearch(), on_progress)
    return [(caption.text,) for caption in described]
