"""Trains the captioners over cached features of the frozen backbone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lab.checkpoint import write_checkpoint
from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages
from lab.losses.doubly_stochastic import doubly_stochastic_penalty
from lab.metrics.cider import CiderD
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.frozen import frozen_maps, frozen_vectors
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.precision import mixed_precision
from lab.training.stage import run_stage
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_pair import FEATURES, INPUT
from models.captioning.attention import ShowAttendTell
from models.captioning.decoding import Greedy
from models.captioning.show_and_tell import ShowAndTell, load_network
from models.cards import CaptionerCard, read_captioner_card
from models.inference.one_thread import one_thread
from models.shipped import captioner_card, part_card, weights_folder
from models.text.shipped_vocabulary import WORD_VECTORS
from models.text.vocabulary import END, Vocabulary, split_words
from models.text.word_vectors import load_word_vectors

CAPTIONS = 5
"""Captions of each image in a batch; the image's features are computed once for all of them."""
INT8_ROWS = 64
_DECODED_TOGETHER = 128
_SAMPLE = 50_000
"""Feature vectors (of photographs, or of their places) that mean and deviation are computed of, at least, if there are
so many."""

Network = ShowAndTell | ShowAttendTell


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; those of ``RECIPES`` made the shipped weights."""

    backbone: str = IMAGENET_LITE
    views: int = 6
    passes: int = 8
    images: int = 32
    rate: float = 1e-3
    weight_decay: float = 0.02
    average: float = 0.995
    dropout: float = 0.4
    noise: float = 0.5
    label_smoothing: float = 0.1
    attention_weight: float = 0.0
    """Of the doubly stochastic penalty."""
    start_from: str | None = None
    """A shipped captioner, whose word vectors and image embedding initialise this one's."""
    max_words: int = 25
    seed: int = 1


@dataclass(frozen=True)
class _Kind:
    """What differs between the trainings of the captioners."""

    architecture: str
    network: Callable[[int, int, float, float], Network]
    features: Callable[[Job, CaptionedImages, int, str], NDArray[np.float16]]
    recipe: Recipe
    description: str


_SAME = "Trained on Flickr8k's and COCO's training captions with AdamW; words tied between input and output."
_KINDS = {
    "show-and-tell": _Kind(
        "show_and_tell",
        ShowAndTell,
        frozen_vectors,
        Recipe(),
        "LSTM captioner of 512 units whose first input is the image (Vinyals et al. 2015). Over frozen "
        f"EfficientNet-Lite0 and Lite2 features instead of a tuned Inception. {_SAME}",
    ),
    "show-attend-tell": _Kind(
        "attention",
        ShowAttendTell,
        frozen_maps,
        Recipe(views=2, passes=4, attention_weight=1.0, start_from="show-and-tell"),
        "LSTM captioner of 512 units with soft attention over 7 x 7 places (Xu et al. 2015). Over a frozen "
        "EfficientNet-Lite0 and Lite2 map instead of VGG's 14 x 14; words and image embedding start from "
        f"show-and-tell's. {_SAME}",
    ),
}


def ship(job: Job, recipe: Recipe | None = None) -> CaptionerCard:
    """Train the captioner of the job's name and write its folder.

    Args:
        job: the training job.
        recipe: the choices; by default those of the shipped weights.
    """
    kind = _KINDS[job.model]
    recipe = recipe or job.recipe(kind.recipe)
    network = _train(job, kind, recipe)
    card: dict[str, Any] = {
        "kind": "captioner",
        **job.card(recipe),
        "description": kind.description,
        "architecture": kind.architecture,
        "parts": {name: part_card(name).weights_sha256 for name in (recipe.backbone, WORD_VECTORS)},
        "preprocessing": asdict(INPUT),
    }
    write_checkpoint(job.output, network.state_dict(), card, int8_rows=INT8_ROWS)
    return read_captioner_card(job.output)


def _train(job: Job, kind: _Kind, recipe: Recipe) -> Network:
    torch.manual_seed(recipe.seed)
    vocabulary = load_word_vectors().vocabulary
    parts = job.load(*TRAIN_SETS)
    views = [_features(job, kind, parts, view, recipe.backbone) for view in range(recipe.views)]
    shape = views[0].shape[1:]
    train = CaptionedRows([view.reshape(len(view), -1) for view in views], parts)
    dev = [
        (DevCaptions(vocabulary, data), torch.from_numpy(kind.features(job, data, 0, recipe.backbone)))
        for data in job.load(*DEV_SETS)
    ]
    network = kind.network(FEATURES, len(vocabulary), recipe.dropout, recipe.noise)
    sample = views[0][:: max(1, views[0].size // FEATURES // _SAMPLE)]
    network.image.standardise_to(torch.from_numpy(sample).float().flatten(0, -2))
    if recipe.start_from:
        source = load_network(captioner_card(recipe.start_from), weights_folder(recipe.start_from))
        network.words.load_state_dict(source.words.state_dict())
        network.image.load_state_dict(source.image.state_dict())

    def loss(batch: Batch) -> Tensor:
        features = batch.rows.float().reshape(-1, *shape)
        return captioning_loss(network, features, train.texts_of(batch), vocabulary, recipe)

    run_stage(
        job,
        "captioner",
        recipe,
        network,
        loss,
        [Group(list(network.parameters()), recipe.rate)],
        lambda seed: train.batches(recipe.images, CAPTIONS, seed),
        train.steps(recipe.images),
        Schedule(recipe.passes, 200, recipe.weight_decay, average=recipe.average),
        lambda: float(np.mean([own.score(network, features) for own, features in dev])),
    )
    return network


def _features(job: Job, kind: _Kind, parts: Sequence[CaptionedImages], view: int, backbone: str) -> NDArray[np.float16]:
    return np.concatenate([kind.features(job, data, view, backbone) for data in parts])


def captioning_loss(
    network: Network, features: Tensor, texts: Sequence[str], vocabulary: Vocabulary, recipe: Recipe
) -> Tensor:
    """Return the mean cross-entropy of the next word, plus the weighted ``doubly_stochastic_penalty`` of the attention.

    Words that are not in the vocabulary are inputs, but never targets.

    Args:
        network: the captioner.
        features: of B images.
        texts: S sentences an image: the first ones of all images, then the second ones.
        vocabulary: the network's words.
        recipe: the choices.
    """
    encoded = vocabulary.encode(texts, max_words=recipe.max_words, ends=True)
    numbers, mask = (torch.from_numpy(array).to(features.device) for array in encoded)
    following = numbers[:, 1:]
    with mixed_precision(features.device.type):
        hidden, looks = network(features, numbers[:, :-1].reshape(-1, len(features), following.shape[1]))
        predicted = (mask[:, 1:] == 1) & (following >= END)
        scores = network.words.scores(hidden[predicted])
    value = F.cross_entropy(scores.float(), following[predicted] - END, label_smoothing=recipe.label_smoothing)
    if looks is not None:
        value = value + recipe.attention_weight * doubly_stochastic_penalty(looks.float(), mask[:, 1:])
    return value


class DevCaptions:
    """The reference captions of a dev split, which a captioner's are scored against."""

    def __init__(self, vocabulary: Vocabulary, data: CaptionedImages) -> None:
        self._vocabulary = vocabulary
        self._cider = CiderD([[split_words(text) for text in own] for own in data.captions])

    @torch.no_grad()
    def score(self, network: Network, features: Tensor) -> float:
        """Return the CIDEr-D of greedy captions, divided by 10: in 0..1.

        Args:
            network: the captioner.
            features: of all images of the split, ``(N, ...)``.
        """
        with one_thread():
            sentences = [
                sentence
                for rows in torch.split(features, _DECODED_TOGETHER)
                for sentence in Greedy().decode(network.step, network.begin(network.image(rows.float())))
            ]
        captions = [[self._vocabulary.word(number) for number in sentence.numbers] for sentence in sentences]
        return self._cider.mean(captions) / 10
