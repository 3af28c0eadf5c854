"""Pictures of other shapes: what stretching keeps and what cropping loses."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_encoder import ToyEncoder

from lab.data.captioned import CaptionedImages
from lab.evaluation.reshape import crop_middle, stretch
from lab.evaluation.shapes import PASSES, SHAPES, evaluate_shapes


@pytest.mark.parametrize(("ratio", "stretched", "cropped"), [
    (4 / 3, (60, 80), (45, 60)), (3 / 4, (80, 60), (60, 45)), (16 / 9, (60, 107), (34, 60)), (1, (60, 60), (60, 60)),
])  # fmt: skip
def test_a_square_is_lengthened_or_cut(ratio: float, stretched: tuple[int, int], cropped: tuple[int, int]) -> None:
    square = np.zeros((60, 60, 3), np.uint8)
    assert stretch(square, ratio).shape == (*stretched, 3)
    assert crop_middle(square, ratio).shape == (*cropped, 3)


def test_stretching_keeps_the_edges_and_cropping_keeps_the_middle_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    pixels[:, :5], pixels[:, -5:] = (255, 0, 0), (0, 0, 255)
    wide = stretch(pixels, 16 / 9)
    assert (wide[:, 0] == (255, 0, 0)).all()
    assert (wide[:, -1] == (0, 0, 255)).all()
    assert (crop_middle(pixels, 3 / 4) == pixels[:, 5:35]).all()
    assert (crop_middle(pixels, 4 / 3) == pixels[5:35]).all()


def test_a_picture_that_is_no_square_can_become_one() -> None:
    assert stretch(np.zeros((30, 40, 3), np.uint8), 1).shape == (40, 40, 3)
    assert crop_middle(np.zeros((30, 40, 3), np.uint8), 1).shape == (30, 30, 3)


@pytest.fixture
def telling_corners(tmp_path: Path) -> CaptionedImages:
    """Twelve blue squares whose corners, which every crop loses, are each of another mixture of red and green."""
    files, captions = [], []
    for i in range(12):
        pixels = np.full((64, 64, 3), (0, 0, 255), np.uint8)
        for rows in (slice(8), slice(56, 64)):
            for columns in (slice(8), slice(56, 64)):
                pixels[rows, columns] = (255 * i / 12, 255 * (12 - i) / 12, 0)
        files.append(tmp_path / f"{i:02}.png")
        Image.fromarray(pixels).save(files[-1])
        captions.append((" ".join(["blue"] * 180 + ["red"] * i + ["green"] * (12 - i)),))  # as the encoder samples it
    return CaptionedImages("corners", tuple(files), tuple(captions))


def test_losses_are_told_for_each_way_and_shape(telling_corners: CaptionedImages) -> None:
    encoder, seen = ToyEncoder(), []
    figures = evaluate_shapes(encoder, telling_corners, lambda done, total: seen.append((done, total)))
    assert figures["square"]["text_to_image"]["r@10"] == figures["square"]["image_to_text"]["r@10"] == 1
    assert figures["stretched"].keys() == figures["cropped"].keys() == SHAPES.keys()
    for shape in SHAPES:
        assert figures["stretched"][shape]["text_to_image"]["r@10"] == 1
        cropped = figures["cropped"][shape]
        assert cropped["text_to_image"]["r@10"] == 0  # all pictures are alike, and ties count against the model
        # to plain blue, mixtures i and 12 - i are alike: from the middle outwards ranks 1, 3, 3, ..., 11, 11, 12
        assert cropped["image_to_text"]["r@10"] == 9 / 12
    assert figures["largest_loss_r@10"] == {"stretched": 0, "cropped": 1}
    assert encoder.images_encoded == PASSES * 12
    assert seen[-1] == (PASSES * 12, PASSES * 12)
