"""Packs the released weights that several models share: the frozen backbone, MiniLM, the word vectors, the tf-idf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lab.checkpoint import VOCABULARY_ROWS, write_checkpoint
from lab.data.captioned import TRAIN_SETS
from lab.pretrained import efficientnet_lite_weights, minilm_weights
from lab.training.job import LICENCE, Job
from lab.training.shipped_encoder import INT8_ROWS
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_pair import BACKBONES, LitePair
from models.cards import PartCard, read_part_card
from models.text.minilm import MINILM
from models.text.packed_words import pack_words
from models.text.shipped_vocabulary import WORD_VECTORS
from models.text.stem_bags import STEM_BAGS, fit_stem_bags
from models.text.vocabulary import frequent_vocabulary, split_words
from models.text.word_vectors import DIMENSION


def ship(job: Job) -> PartCard:
    """Pack the part of the job's name."""
    tensors, fields = _PACKERS[job.model](job)
    int8_rows = _INT8_ROWS.get(job.model, VOCABULARY_ROWS)
    card = {
        "kind": "part",
        "name": job.model,
        **fields,
        "training": {"command": f"semblance train {job.model}", **fields.get("training", {})},
    }
    write_checkpoint(job.output, tensors, card, int8_rows=int8_rows)
    return read_part_card(job.output)


def _pack_backbone(job: Job) -> tuple[Mapping[str, Tensor], dict[str, Any]]:  # noqa: ARG001 - like the others
    pair = LitePair()
    for name in BACKBONES:
        pair.backbones[name].load_released(efficientnet_lite_weights(name))  # type: ignore[operator]
    return pair.state_dict(), {
        "description": "EfficientNet-Lite0 and Lite2 as trained on ImageNet, without their classifiers.",
        "licence": "Apache-2.0",
    }


def _pack_word_vectors(job: Job) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
    from gensim.models import Word2Vec

    captions = [text for data in job.load(*TRAIN_SETS) for text in data.flat_captions()[0]]
    choices: dict[str, Any] = {"min_count": 5, "window": 5, "sg": 1, "negative": 10, "epochs": 20, "seed": 1}
    trained = Word2Vec(list(map(split_words, captions)), vector_size=DIMENSION, sample=1e-3, workers=1, **choices).wv
    words = list(frequent_vocabulary(captions, choices["min_count"]).words)
    vectors = torch.from_numpy(np.stack([trained[word] for word in words]))
    return {"vectors": vectors, "words": pack_words(words)}, {
        "description": f"{DIMENSION}-dimensional word2vec (skip-gram) of the words that occur at least 5 times in the "
        "training captions.",
        "licence": LICENCE,
        "training": {"data": list(TRAIN_SETS), **choices},
    }


def _pack_minilm(job: Job) -> tuple[Mapping[str, Tensor], dict[str, Any]]:  # noqa: ARG001 - like the others
    return minilm_weights(), {
        "description": "all-MiniLM-L6-v2 as it was released, without its unused pooler; its tokeniser is that of "
        "semblance-base.",
        "licence": "Apache-2.0",
    }


_INT8_ROWS = {MINILM: INT8_ROWS}
"""Parts whose every matrix is stored as int8, for a quarter of the bytes."""


def _pack_stem_bags(job: Job) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
    choices = {"min_count": 5}
    documents = [captions for data in job.load(*TRAIN_SETS) for captions in data.captions]
    vocabulary, idf = fit_stem_bags(documents, choices["min_count"])
    return {"idf": torch.from_numpy(idf), "words": pack_words(vocabulary)}, {
        "description": "Vocabulary and idf of the Snowball stems that occur at least 5 times in the training captions; "
        "all captions of an image count as one document.",
        "licence": LICENCE,
        "training": {"data": list(TRAIN_SETS), **choices},
    }


_PACKERS: dict[str, Callable[[Job], tuple[Mapping[str, Tensor], dict[str, Any]]]] = {
    IMAGENET_LITE: _pack_backbone,
    MINILM: _pack_minilm,
    WORD_VECTORS: _pack_word_vectors,
    STEM_BAGS: _pack_stem_bags,
}
