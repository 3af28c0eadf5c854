"""Small dual encoders train, ship and explain from end to end, on a few photographs of the demonstration."""

from pathlib import Path

import numpy as np
import pytest
import torch
from demo_set import PHOTOGRAPHS, write_training_sets
from toy_match import toy_match

from lab.training import limited_text_space as limited_text_space_training
from lab.training import linear_mapping as linear_mapping_training
from lab.training.job import Job
from lab.training.loop import PassReport
from models.cards import EncoderCard, read_encoder_card
from models.composition import Term
from models.encoders import limited_text_space, linear_mapping
from models.explain.grad_cam import GradCam
from models.imaging.decode import decode_image
from models.inference.compiler import Compiler


class _Silent:
    """A reporter that checks what it is told."""

    def features(self, part: str, done: int, total: int) -> None:
        assert 0 < done <= total

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        assert np.isfinite(loss)

    def one_pass(self, stage: str, report: PassReport) -> None:
        assert 0 < report.score <= 1


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captioned sets beside a folder of work, whose features all models share."""
    return write_training_sets(tmp_path_factory.mktemp("sets"))


def _check(card: EncoderCard, folder: Path, architecture: object) -> None:
    assert card == read_encoder_card(folder)
    assert set(card.quality) == {"flickr8k-dev", "coco-dev"}
    encoder = architecture.load_encoder(card, folder, Compiler())  # type: ignore[attr-defined]
    words = encoder.encode_texts(["a red flower", "two dogs run over the beach", ""])
    assert words.shape == (3, card.dimension)
    prepared = encoder.prepare(decode_image((PHOTOGRAPHS / "bee-red-blossom.jpg").read_bytes()).pixels)
    vector = encoder.encode_images(prepared[None])
    tower = architecture.load_image_tower(card, folder)  # type: ignore[attr-defined]
    _, explained = tower.trace(torch.from_numpy(prepared[None]))
    assert (explained.detach().numpy() * vector).sum() > 0.99
    values = GradCam(tower).explain(toy_match([Term("query", words[0])], words[0], prepared)).whole().values
    assert values.shape == (7, 7)
    with torch.inference_mode():  # the map adds up to how the score grows with the features
        features, head = tower.backbone(torch.from_numpy(prepared[None])).double(), tower.head.double()
        more, less = (float(head(features * (1 + step))[0].numpy() @ words[0]) for step in (1e-3, -1e-3))
    assert values.sum() == pytest.approx((more - less) / 2e-3, rel=1e-3)


@pytest.mark.slow
def test_linear_mapping(sets: Path, tmp_path: Path) -> None:
    job = Job("linear-mapping", sets, sets / "work", tmp_path / "out", _Silent())
    card = linear_mapping_training.ship(job, linear_mapping_training.Recipe(views=1, passes=2, batch=4))
    assert set(card.parts) == {"imagenet-lite", "minilm"}
    _check(card, tmp_path / "out", linear_mapping)


def test_vse(sets: Path, tmp_path: Path) -> None:
    job = Job("vse", sets, sets / "work", tmp_path / "out", _Silent())
    recipe = limited_text_space_training.Recipe(views=1, passes=1, batch=4)
    card = limited_text_space_training.ship(job, recipe)
    _check(card, tmp_path / "out", limited_text_space)
