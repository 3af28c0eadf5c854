"""The R-MAC family is trained from photographs to a folder that loads, and resumes."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lab.losses.triplet import triplet_loss
from lab.training.hard_triplets import Triplets
from lab.training.job import Job
from lab.training.semantic import LOSSES, Recipe, Training, ship
from models.cards import read_encoder_card
from models.encoders.semantic import load_encoder
from models.inference.compiler import Compiler
from models.inference.execution import Execution

TINY = Recipe(
    backbones=("lite0",),
    neighbours=6,
    queries=10,
    relevant=3,
    hardest=10,
    updates=4,
    batch=4,
    minings_a_pass=1,
    passes=2,
)
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (230, 230, 230)}
LAYOUT = {"flickr8k": ("Flickr8k.token.txt", "Flickr_8k.{}Images.txt"), "coco": ("coco.token.txt", "coco.{}Images.txt")}


class _Silent:
    def features(self, *_: Any) -> None: ...
    def step(self, *_: Any) -> None: ...
    def one_pass(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """An order over photographs of plain colours in noise, captioned by their colour."""
    root, random = tmp_path_factory.mktemp("semantic-training"), np.random.default_rng(0)
    for collection, (tokens, split) in LAYOUT.items():
        folder = root / "data" / collection
        (folder / "images").mkdir(parents=True)
        lines = []
        for name, count in (("train", 16), ("dev", 4)):
            files = [f"{name}{index}.jpg" for index in range(count)]
            (folder / split.format(name)).write_text("\n".join(files), encoding="utf-8")
            for index, file in enumerate(files):
                colour = list(COLOURS)[index % len(COLOURS)]
                noise = random.integers(-25, 25, (32, 32, 3))
                Image.fromarray((COLOURS[colour] + noise).astype(np.uint8)).save(folder / "images" / file)
                lines += [f"{file}#0\ta {colour} wall", f"{file}#1\tit is {colour}"]
        (folder / tokens).write_text("\n".join(lines), encoding="utf-8")
    return Job("semantic-vt", root / "data", root / "work", root / "output", _Silent())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(job: Job) -> Training:
    return Training(job, TINY, LOSSES["semantic-vt"])


@pytest.mark.slow
def test_what_is_shipped_loads_and_says_what_it_stands_on(job: Job) -> None:
    card = ship(job, TINY)
    assert card.architecture == "semantic"
    assert card.parts.keys() == {"imagenet-lite", "tfidf"}
    assert card.training["ndcg_area_on_dev"].keys() == {"untrained", "trained"}
    assert card.training["ndcg_area_on_dev"]["trained"].keys() == {"flickr8k-dev", "coco-dev"}
    assert card.quality.keys() == {"flickr8k-dev", "coco-dev"}
    encoder = load_encoder(read_encoder_card(job.output), job.output, Compiler(Execution("torch")))
    vectors = encoder.encode_texts(["a red wall", "red"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_batch_costs_what_its_triplets_cost_one_by_one(run: Training) -> None:
    run.model.eval()
    batch = Triplets(np.array([3, 0, 3]), np.array([7, 4, 0]), np.array([1, 3, 5]))
    with torch.no_grad():
        images = run.model.image(run._regions.float())
        texts = run.model.text(run._bags)
        total = torch.zeros(())
        for q, p, n in zip(batch.queries, batch.positives, batch.negatives, strict=True):
            for asked, ranked in ((images, images), (images, texts), (texts, images)):
                total += triplet_loss(asked[[q]], ranked[[p]], ranked[[n]], TINY.margin) / 3
        torch.testing.assert_close(run._loss(batch), total, atol=5e-3, rtol=0)  # bfloat16 where there is


def test_the_text_side_starts_as_the_ridge_regression_of_the_images(run: Training) -> None:
    bags, weight = run._bags.double(), run.model.text.weight.detach().double()
    vectors = run._embed(run._regions).double()
    gradient = bags.T @ (bags @ weight - vectors) + TINY.ridge * weight  # of the ridge regression's loss: zero there
    assert gradient.abs().max() < 1e-4


def test_images_alone_leave_the_text_side_to_the_end(run: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_losses", LOSSES["semantic-v"])
    batch = Triplets(np.array([0, 1]), np.array([4, 5]), np.array([1, 2]))
    run._loss(batch).backward()  # type: ignore[no-untyped-call]
    assert run.model.image.project.weight.grad is not None
    assert run.model.text.weight.grad is None
