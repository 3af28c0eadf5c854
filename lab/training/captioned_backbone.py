"""Trains ``captioned-lite``: EfficientNet-Lite2's last blocks, by the loss of a captioner that reads them.

The captioner is ``show-and-tell`` over this one network, and starts from the one that ships. The output of the blocks
beneath the tuned ones for each photograph and its views never changes: it is computed once and cached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lab.checkpoint import write_checkpoint
from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages
from lab.training import captioners
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.captioners import DevCaptions, captioning_loss
from lab.training.depthwise import quicken_depthwise
from lab.training.frozen import compiled, features_of
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.precision import mixed_precision
from lab.training.shipped_encoder import INT8_ROWS
from lab.training.stage import run_stage
from lab.training.trained import trained
from models.backbones.captioned import INTO_TEXT_SPACE, LAYERS, TUNED, TUNED_FROM
from models.backbones.efficientnet_lite import CHANNELS, EfficientNetLite
from models.backbones.frozen import IMAGENET_LITE, SIDE, load_backbone
from models.backbones.lite_pair import BACKBONES, LitePair
from models.captioning.show_and_tell import ShowAndTell, load_network
from models.cards import PartCard, read_part_card
from models.inference.runner import Runner
from models.shipped import captioner_card, part_card, weights_folder
from models.text.word_vectors import load_word_vectors

_MAP = 208, 9
"""Channels and side of the map that goes into the tuned blocks."""
_AT_ONCE = 128
_SAMPLE = 2000
"""Photographs that the mean and deviation of the features are computed of."""


@dataclass(frozen=True)
class Recipe(captioners.Recipe):
    """Every choice of a run; the defaults made the shipped weights.

    Attributes:
        captions: of an image in a batch.
        convolution_rate: of the tuned blocks.
    """

    views: int = 4
    passes: int = 8
    images: int = 64
    captions: int = 2
    rate: float = 3e-4
    convolution_rate: float = 2e-4
    noise: float = 0.3
    start_from: str | None = "show-and-tell"


class TunedCaptioner(nn.Module):
    """What is trained: the backbone's last blocks, and the captioner that reads the mean over their places.

    Args:
        backbone: Lite2 with ImageNet's weights.
        captioner: over its features.
    """

    def __init__(self, backbone: EfficientNetLite, captioner: ShowAndTell) -> None:
        super().__init__()
        self.backbone, self.captioner = backbone.to(memory_format=torch.channels_last), captioner  # type: ignore[call-overload]
        quicken_depthwise(self.backbone)

    def tuned(self) -> list[nn.Parameter]:
        """Return the parameters of the tuned blocks."""
        modules = (*self.backbone.blocks[TUNED_FROM:], self.backbone.head)
        return [parameter for module in modules for parameter in module.parameters()]

    def features(self, rows: Tensor) -> Tensor:
        """Map ``(B, R)`` rows of the cached map to features ``(B, 1280)``."""
        channels, side = _MAP
        lower = rows.float().reshape(-1, side, side, channels).permute(0, 3, 1, 2)
        with mixed_precision(rows.device.type):
            upper = self.backbone.upper(lower, TUNED_FROM)
        means: Tensor = F.adaptive_avg_pool2d(upper.float(), SIDE).mean(dim=(2, 3))  # as of the frozen pair's maps
        return means

    @torch.no_grad()
    def all_features(self, rows: NDArray[np.float16]) -> Tensor:
        """Compute the features of many images."""
        device = self.captioner.image.mean.device
        parts = torch.split(torch.from_numpy(rows), _AT_ONCE)
        return torch.cat([self.features(some.to(device)) for some in parts])


def ship(job: Job, recipe: Recipe | None = None) -> PartCard:
    """Train and write the tuned layers, and the captioner's map into the space of its words (W_img)."""
    recipe = recipe or job.recipe(Recipe())
    found = trained(job, recipe, lambda: (train(job, recipe), {}))
    layers = {f"{LAYERS}{name}": found.state[f"backbone.{name}"] for name in tuned_names(found.state)}
    image = "captioner.image."
    into = {
        f"{INTO_TEXT_SPACE}weight": found.state[f"{image}project.weight"],
        f"{INTO_TEXT_SPACE}std": found.state[f"{image}std"],
    }
    shared = found.card(job, recipe)
    over = {IMAGENET_LITE: part_card(IMAGENET_LITE).weights_sha256}
    card: dict[str, Any] = {
        "kind": "part",
        **{field: shared[field] for field in ("name", "licence")},
        "training": {**shared["training"], "over": over},
        "description": f"EfficientNet-Lite2's layers from block {TUNED_FROM} on, tuned by the loss of a captioner "
        "(Vinyals et al. 2015) over them alone, and that captioner's map of the image into the space of its words. The "
        "layers beneath are those of imagenet-lite.",
    }
    write_checkpoint(job.output, layers | into, card, int8_rows=INT8_ROWS)
    return read_part_card(job.output)


def tuned_names(state: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the tuned layers' tensors in the backbone, of the state of a ``TunedCaptioner``."""
    found = []
    for name in state:
        part, kind, number = name.split(".")[:3]
        if part == "backbone" and (kind == "head" or (kind == "blocks" and int(number) >= TUNED_FROM)):
            found.append(name.removeprefix("backbone."))
    return found


def train(job: Job, recipe: Recipe) -> TunedCaptioner:
    """Return what the best pass on dev made."""
    torch.manual_seed(recipe.seed)
    vocabulary = load_word_vectors().vocabulary
    network = start(len(vocabulary), recipe).to(job.device)
    parts = job.load(*TRAIN_SETS)
    photographs = CaptionedRows(lower_rows(job, parts, recipe.views), parts)
    dev = [(DevCaptions(vocabulary, data), lower_rows(job, [data], 1)[0]) for data in job.load(*DEV_SETS)]
    sample = photographs.views[0][:: max(1, len(photographs) // _SAMPLE)]
    network.captioner.image.standardise_to(network.all_features(sample))

    def loss(batch: Batch) -> Tensor:
        texts = photographs.texts_of(batch)
        return captioning_loss(
            network.captioner, network.features(batch.rows.to(job.device)), texts, vocabulary, recipe
        )

    def score() -> float:
        return float(np.mean([own.score(network.captioner, network.all_features(rows)) for own, rows in dev]))

    run_stage(
        job,
        "captioner",
        recipe,
        network,
        loss,
        [
            Group(network.tuned(), recipe.convolution_rate),
            Group(list(network.captioner.parameters()), recipe.rate),
        ],
        lambda seed: photographs.batches(recipe.images, recipe.captions, seed),
        photographs.steps(recipe.images),
        Schedule(recipe.passes, 200, recipe.weight_decay, average=recipe.average),
        score,
    )
    return network


def start(words: int, recipe: Recipe) -> TunedCaptioner:
    """Return the untuned network with the shipped captioner's words and LSTM, and its map of this backbone's features.

    Args:
        words: V, of the vocabulary.
        recipe: the choices.
    """
    backbone = load_backbone().backbones[TUNED]
    captioner = ShowAndTell(CHANNELS, words, recipe.dropout, recipe.noise)
    if recipe.start_from:
        source = load_network(captioner_card(recipe.start_from), weights_folder(recipe.start_from))
        captioner.words.load_state_dict(source.words.state_dict())
        captioner.lstm.load_state_dict(source.lstm.state_dict())
        first = list(BACKBONES).index(TUNED) * CHANNELS
        with torch.no_grad():
            captioner.image.project.weight.copy_(source.image.project.weight[:, first : first + CHANNELS])
            captioner.image.project.bias.copy_(source.image.project.bias)
    network = TunedCaptioner(backbone, captioner)  # type: ignore[arg-type]
    for parameter in (*network.tuned(), *captioner.parameters()):
        parameter.requires_grad_(True)
    return network


def lower_rows(job: Job, parts: Sequence[CaptionedImages], views: int) -> list[NDArray[np.float16]]:
    """Return for each view the map that goes into the tuned blocks of all images, ``(N, R)``."""
    return [np.concatenate([_lower(job, data, view) for data in parts]) for view in range(views)]


def _lower(job: Job, data: CaptionedImages, view: int) -> NDArray[np.float16]:
    identity = f"{TUNED} before block {TUNED_FROM} of {IMAGENET_LITE} {part_card(IMAGENET_LITE).weights_sha256}"
    return features_of(job, data, view, TUNED, identity, lambda: _compiled(job.device))


@lru_cache(maxsize=1)
def _compiled(device: str) -> Runner:
    return compiled(Lower(load_backbone()), device)


class Lower(nn.Module):
    """``(B, S, S, 3)`` pixels to the map that goes into the tuned blocks, as rows ``(B, R)``."""

    def __init__(self, pair: LitePair) -> None:
        super().__init__()
        self.pair = pair

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute the rows."""
        x = self.pair.inputs(pixels)[list(BACKBONES).index(TUNED)]
        return self.pair.backbones[TUNED].lower(x, TUNED_FROM).permute(0, 2, 3, 1).flatten(1)  # type: ignore[operator,no-any-return]
