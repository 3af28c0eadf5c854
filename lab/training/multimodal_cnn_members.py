"""Trains the m-CNNs one after another on one device and tells how they and their ensemble rank both dev splits.

What is trained stays in the folder of work, where ``semblance train`` finds it and packs it, and the recalls beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.data.captioned import DEV_SETS, TRAIN_SETS, training_data_root
from lab.evaluation.retrieval import score_retrieval_ranks
from lab.progress import progress_bar
from lab.training.choices import read_choices
from lab.training.job import Job
from lab.training.multimodal_cnn_scores import ScoredPairs
from lab.training.multimodal_cnn_training import Recipe, TrainingPairs, trained_network
from lab.training.reporter import ProgressReporter
from models.errors import InputError
from models.matchers.multimodal_cnn_module import MERGES
from models.recall_line import recall_line

_SPREAD_IMAGES = 100
"""Training photographs that the members' spreads are taken of, as by the ensemble that ships."""


def train_members(job: Job, members: Sequence[str]) -> dict[str, Any]:
    """Train the members that are not yet trained and rank with each of them, and with their sum.

    Returns:
        For each member, and for ``ensemble``, its figures by dev set and direction.
    """
    recipe = job.recipe(Recipe())
    pairs = cache(lambda: TrainingPairs(job, recipe))
    dev, some = [ScoredPairs(job, name) for name in DEV_SETS], ScoredPairs(job, TRAIN_SETS[0], _SPREAD_IMAGES)
    total = {one.name: np.zeros((), np.float32) for one in dev}
    figures: dict[str, Any] = {"recipe": asdict(recipe)}
    for member in members:
        started = time.monotonic()
        network, _ = trained_network(replace(job, model=f"mcnn-{member}"), recipe, pairs)
        trained = time.monotonic()
        scores = {one.name: one.scores(network) for one in dev}
        figures[member] = {
            **{one.name: _figures(scores[one.name], one) for one in dev},
            "seconds": {"training": trained - started, "dev": time.monotonic() - trained},
        }
        spread = np.float32(some.scores(network).std())
        total = {name: total[name] + found / spread for name, found in scores.items()}
        _tell(member, figures[member])
        figures["ensemble"] = {one.name: _figures(total[one.name], one) for one in dev}
    _tell("ensemble", figures["ensemble"])
    return figures


def _figures(scores: NDArray[np.float32], pairs: ScoredPairs) -> dict[str, dict[str, float]]:
    to_image, to_text = score_retrieval_ranks(scores, pairs.image_of_caption)
    return {"image_to_text": to_text.as_dict(), "text_to_image": to_image.as_dict()}


def _tell(name: str, figures: dict[str, Any]) -> None:
    for data in DEV_SETS:
        both = ", ".join(f"{way} {recall_line(found)}" for way, found in figures[data].items())
        print(f"{name}, {data}: {both}", flush=True)
    if "seconds" in figures:
        print(f"{name}: {figures['seconds']}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure and write."""
    names = [merge.name for merge in MERGES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("members", nargs="*", default=names, metavar="MEMBER", help=f"of {', '.join(names)}")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--work", type=Path, default=Path("var/training"))
    parser.add_argument("--figures", type=Path, help="file of the recalls [WORK/mcnn-dev.json]")
    parser.add_argument("--set", action="append", default=[], dest="choices", metavar="NAME=VALUE")
    options = parser.parse_args(arguments)
    root = training_data_root()
    if root is None:
        raise InputError("the captioned photographs are not here: set SEMBLANCE_TRAINING_DATA")
    with progress_bar() as progress:
        reporter, choices = ProgressReporter(progress), read_choices(options.choices)
        job = Job("mcnn", root, options.work, options.work, reporter, choices, options.device)
        figures = train_members(job, options.members)
    file = options.figures or options.work / "mcnn-dev.json"
    file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
