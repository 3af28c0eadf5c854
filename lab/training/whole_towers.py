"""Trains all blocks of ``semblance-base``'s towers on a GPU, in a given time, from the weights that ship.

``python -m lab.training.whole_towers pack photographs.safetensors`` packs the captioned photographs (60 MB). Then,
where the GPU is, ``python -m lab.training.whole_towers train photographs.safetensors OUTPUT --minutes 7``. That needs
torch 2.11 or newer, numpy, pillow, tokenizers and safetensors, and no network; in place of the packed file it takes the
folder of the photographs. It writes ``card.json``, the recall on dev as ``dev.json``, and the weights in parts of at
most 16 MB: ``cat weights.safetensors.* > weights.safetensors``. Without a GPU, ``--device cpu --limit 200`` tries that
the program works.

What it writes is the best mix on dev of the weights before and after (Wortsman et al., "Robust Fine-tuning of Zero-shot
Models", CVPR 2022).

Class probabilities are held where they were (Li and Hoiem, "Learning without Forgetting", ECCV 2016): the class block
reads them, and no caption teaches them.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lab.checkpoint import write_checkpoint
from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages, load_split
from lab.evaluation.retrieval import retrieval_ranks
from lab.losses.info_nce import InfoNCE
from lab.training.average import RunningAverage
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.device_views import random_views
from lab.training.packed import pack, squashed_pixels, unpack
from models.backbones.lite_pair import INPUT
from models.checkpoint import WEIGHTS
from models.encoders.two_tower_module import TwoTower, load_two_tower
from models.names import DEFAULT_MODEL
from models.shipped import encoder_card, weights_folder
from models.text.tokeniser import load_minilm_tokeniser
from models.types import Pixels

_PART_BYTES = 16_000_000
_DEV_BATCH = 128
_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the new weights in a mix with those before."""


@dataclass(frozen=True)
class WholeRecipe:
    """Every choice but the time."""

    batch: int = 512
    captions: int = 2
    convolution_rate: float = 2e-4
    text_rate: float = 3e-5
    head_rate: float = 3e-4
    weight_decay: float = 0.05
    dropout: float = 0.3
    image_noise: float = 0.3
    text_noise: float = 0.3
    kept_classes: float = 1.0
    warmup_steps: int = 50
    average: float = 0.99
    seed: int = 1


class WholeTowers:
    """One run on one device.

    Args:
        file: the packed photographs, or their folder; sets whose names end in ``-dev`` are measured, not trained on.
        recipe: the choices.
        device: such as ``cuda`` or ``cpu``.
        limit: of each set, only so many photographs.
    """

    def __init__(self, file: Path, recipe: WholeRecipe, device: str, limit: int | None) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe, self._device = recipe, torch.device(device)
        pixels, sets = _read(file, limit) if file.is_dir() else unpack(file, limit)
        self._pixels = torch.from_numpy(pixels).to(self._device)
        ends = np.cumsum([len(data) for data in sets])
        self._sets = {data.name: (data, slice(end - len(data), end)) for data, end in zip(sets, ends, strict=True)}
        self._tokenise = load_minilm_tokeniser()
        shipped = load_two_tower(encoder_card(DEFAULT_MODEL), weights_folder(DEFAULT_MODEL))
        self.towers = TwoTower(recipe.dropout, recipe.image_noise, recipe.text_noise)
        self.towers.load_state_dict(shipped.state_dict())
        self.towers.to(self._device)
        self._start = {name: value.clone() for name, value in self.towers.state_dict().items()}
        self._before = copy.deepcopy(self.towers.image).eval().requires_grad_(False)
        self._contrast = InfoNCE(0.05).to(self._device)

    def train(self, seconds: float) -> int:
        """Train for so long; return the number of steps."""
        recipe = self._recipe
        train = [self._sets[name] for name in self._sets if not name.endswith("-dev")]
        rows = CaptionedRows([np.zeros((sum(len(data) for data, _ in train), 1), np.float16)], [d for d, _ in train])
        place = np.concatenate([np.arange(at.start, at.stop) for _, at in train])
        groups = self._groups()
        trained = [parameter for group in groups for parameter in group["params"]]
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        average = RunningAverage(trained, recipe.average)
        self.towers.train()
        step, number, started = 0, 0, time.monotonic()
        while (passed := time.monotonic() - started) < seconds:
            for batch in rows.batches(min(recipe.batch, *(len(data) for data, _ in train)), recipe.captions, number):
                passed = time.monotonic() - started
                if passed >= seconds:
                    break
                factor = min(1.0, (step + 1) / recipe.warmup_steps) * 0.5 * (1 + math.cos(math.pi * passed / seconds))
                for group in optimiser.param_groups:
                    group["lr"] = group["peak"] * factor
                loss = self._loss(batch, place, rows.texts)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(trained, 1.0)
                optimiser.step()
                average.update(step)
                if step % 20 == 0:
                    print(f"{passed:5.0f} s, pass {number}, step {step}, loss {loss.item():.3f}", flush=True)
                step += 1
            number += 1
        with torch.no_grad():
            for value, parameter in zip(average.values, trained, strict=True):
                parameter.copy_(value)
        return step

    @torch.no_grad()
    def mix(self) -> dict[str, Any]:
        """Take the best mix on dev with the weights before; return what each share of the new ones measures."""
        old, new = self._start, {name: value.clone() for name, value in self.towers.state_dict().items()}

        def take(share: float) -> None:
            self.towers.load_state_dict({name: _between(old[name], value, share) for name, value in new.items()})

        found = {}
        for share in _SHARES:
            take(share)
            found[share] = self.measure()
        best = max(found, key=lambda share: _mean_recall(found[share]))
        take(best)
        return {"share": best, "measured": found}

    @torch.no_grad()
    def measure(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return recall on each dev set, whole photographs, both ways."""
        self.towers.eval()
        figures = {}
        for name, (data, at) in self._sets.items():
            if name.endswith("-dev"):
                texts, image_of_caption = data.flat_captions()
                with self._mixed():
                    images = torch.cat([self.towers.image(part) for part in torch.split(self._pixels[at], _DEV_BATCH)])
                    captions = torch.cat(
                        [
                            self.towers.text(*self._tokens(texts[start : start + _DEV_BATCH]))
                            for start in range(0, len(texts), _DEV_BATCH)
                        ]
                    )
                to_image, to_text = retrieval_ranks(
                    images.float().cpu().numpy(), captions.float().cpu().numpy(), image_of_caption
                )
                figures[name] = {"text_to_image": to_image.as_dict(), "image_to_text": to_text.as_dict()}
        return figures

    def _loss(self, batch: Batch, place: np.ndarray[Any, Any], texts: Sequence[str]) -> Tensor:
        views = random_views(self._pixels[torch.from_numpy(place[batch.images]).to(self._device)], INPUT.size)
        with self._mixed():
            features = self.towers.image.pool(self.towers.image.maps(views)).float()
            pooled = [self._pooled([texts[row] for row in rows]).float() for rows in batch.captions]
            with torch.no_grad():
                before = self._before.pool(self._before.maps(views)).float()
        images = self.towers.image.head(features)
        contrast = torch.stack([self._contrast(images, self.towers.text.head(own)) for own in pooled]).mean()
        classifier = self._before.classes.classifier
        kept = F.kl_div(
            F.log_softmax(classifier(features), 1), F.log_softmax(classifier(before), 1), log_target=True,
            reduction="batchmean",
        )  # fmt: skip
        loss: Tensor = contrast + self._recipe.kept_classes * kept
        return loss

    def _pooled(self, texts: Sequence[str]) -> Tensor:
        pooled: Tensor = self.towers.text.pooled(*self._tokens(texts))
        return pooled

    def _tokens(self, texts: Sequence[str]) -> list[Tensor]:
        return [torch.from_numpy(array).to(self._device) for array in self._tokenise(texts)]

    def _groups(self) -> list[dict[str, Any]]:
        """Return the parameters with their peak rates; classifier, class names and the head of short queries stay."""
        recipe, towers = self._recipe, self.towers
        self.towers.requires_grad_(False)
        groups = []
        for modules, rate in (
            ((towers.image.backbones,), recipe.convolution_rate),
            ((towers.text.bert,), recipe.text_rate),
            ((towers.image.head, towers.text.head, self._contrast), recipe.head_rate),
        ):
            parameters = [parameter.requires_grad_(True) for module in modules for parameter in module.parameters()]
            groups.append({"params": parameters, "lr": rate, "peak": rate})
        return groups

    def _mixed(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device.type, torch.bfloat16)


def write(towers: TwoTower, training: dict[str, Any], output: Path) -> None:
    """Write the card and the weights in parts."""
    shipped = json.loads((weights_folder(DEFAULT_MODEL) / "card.json").read_text(encoding="utf-8"))
    tensors = {name: value.cpu() for name, value in towers.state_dict().items()}
    write_checkpoint(output, tensors, {**shipped, "training": {**shipped["training"], **training}, "quality": {}})
    content = (output / WEIGHTS).read_bytes()
    for part, start in enumerate(range(0, len(content), _PART_BYTES)):
        (output / f"{WEIGHTS}.{part:02d}").write_bytes(content[start : start + _PART_BYTES])
    (output / WEIGHTS).unlink()


def main(arguments: Sequence[str] | None = None) -> None:
    """Pack, or train, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="pack the captioned photographs")
    packing.add_argument("file", type=Path)
    training = commands.add_parser("train", help="train on packed photographs")
    training.add_argument("file", type=Path)
    training.add_argument("output", type=Path)
    training.add_argument(
        "--minutes", type=float, default=7.0, help="of training alone; 2 more must suffice for the rest"
    )
    training.add_argument("--device", default="cuda")
    training.add_argument("--limit", type=int, help="of each set, only so many photographs")
    training.add_argument("--batch", type=int, default=WholeRecipe.batch)
    options = parser.parse_args(arguments)
    if options.command == "pack":
        pack(_sets(), options.file)
        return
    recipe = WholeRecipe(batch=options.batch)
    run = WholeTowers(options.file, recipe, options.device, options.limit)
    before = run.measure()
    steps = run.train(60 * options.minutes)
    mixed = run.mix()
    figures = {"before": before, "after": mixed, "steps": steps}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "dev.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    made = {**asdict(recipe), "minutes": options.minutes, "steps": steps, "share": mixed["share"]}
    write(run.towers, {"whole_towers": made}, options.output)
    print(json.dumps(figures, indent=2))


def _read(folder: Path, limit: int | None) -> tuple[Pixels, list[CaptionedImages]]:
    sets = [data.first(limit or len(data)) for data in _sets(folder)]
    return squashed_pixels([file for data in sets for file in data.files]), sets


def _between(old: Tensor, new: Tensor, share: float) -> Tensor:
    return torch.lerp(old, new, share) if old.is_floating_point() else new


def _mean_recall(figures: dict[str, dict[str, dict[str, float]]]) -> float:
    ways = [way for of_set in figures.values() for way in of_set.values()]
    return float(np.mean([way[name] for way in ways for name in ("r@1", "r@5", "r@10")]))


def _sets(folder: Path | None = None) -> list[CaptionedImages]:
    return [load_split(name, folder) for name in (*TRAIN_SETS, *DEV_SETS)]


if __name__ == "__main__":
    main()
