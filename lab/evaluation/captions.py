"""Generated captions against what people wrote: BLEU, METEOR and CIDEr-D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lab.data.captioned import CaptionedImages
from lab.data.pixels import Progress, prepared_batches
from lab.evaluation.described import describe_files
from lab.metrics.bleu import corpus_bleu
from lab.metrics.cider import CiderD
from lab.metrics.meteor import meteor
from models.protocols import Captioner, Decoder
from models.text.vocabulary import split_words


def evaluate_captions(
    captioner: Captioner, data: CaptionedImages, decoders: Mapping[str, Decoder], on_progress: Progress | None = None
) -> dict[str, Any]:
    """Measure the captions that each decoder writes; by its name, fractions, and CIDEr-D in 0..10.

    ``ms_an_image`` is of one image alone, without decoding its file: the median of the first 50.
    """
    return {
        name: {
            **caption_figures([caption.words for caption in described], data),
            "ms_an_image": _milliseconds(captioner, data.files[:50], decoder),
        }
        for name, decoder in decoders.items()
        for described in [describe_files(captioner, data.files, decoder, on_progress)]
    }


def caption_figures(captions: Sequence[Sequence[str]], data: CaptionedImages) -> dict[str, float]:
    """Measure one caption an image, as words in lower case and without punctuation, as the references are taken too."""
    references = [[split_words(text) for text in own] for own in data.captions]
    scores = [meteor(" ".join(words), own) for words, own in zip(captions, data.captions, strict=True)]
    return {
        **corpus_bleu(captions, references),
        "meteor": float(np.mean(scores)),
        "cider-d": CiderD(references).mean(captions),
        "words": float(np.mean([len(words) for words in captions])),
    }


def _milliseconds(captioner: Captioner, files: Sequence[Path], decoder: Decoder) -> float:
    prepared = np.concatenate(list(prepared_batches(files, captioner.card.preprocessing.size, captioner.prepare)))
    took = []
    for image in prepared:
        started = perf_counter()
        captioner.describe(image[np.newaxis], decoder)
        took.append((perf_counter() - started) * 1e3)
    return float(np.median(took))
