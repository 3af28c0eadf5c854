"""Occlusion of the toy encoder, whose vector is the mean colour."""

import numpy as np
import pytest
from toy_encoder import ToyEncoder
from toy_match import toy_match

from models.composition import Term
from models.explain.occlusion import GRID, Occlusion, covered
from models.imaging.patches import picture_sides


def test_each_part_is_covered_by_the_mean_colour_and_nothing_else_changes() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 100
    pictures = covered(pixels, (16, 16))
    assert len(pictures) == GRID**2
    second = pictures[1]
    assert (second[:2, 2:4] == 50).all()
    second[:2, 2:4] = 100
    assert (second == pixels).all()


def test_of_a_picture_that_does_not_fill_its_square_only_the_picture_is_covered() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8, :16] = 200
    pixels[7, 15] = 1
    for picture in covered(pixels, (8, 16)):
        assert not picture[8:].any()
        assert picture_sides(picture) == (8, 16)
    assert (covered(pixels, (8, 16))[0][:1, :2] == round(float(pixels[:8, :, 0].mean()))).all()


def test_a_part_is_worth_what_the_score_loses_without_it() -> None:
    encoder = ToyEncoder(size=GRID)
    pixels = np.zeros((GRID, GRID, 3), np.uint8)
    pixels[3, 5] = (255, 0, 0)
    query = encoder.encode_texts(["red"])[0]
    match = toy_match(
        [Term("red", query, text="red")], encoder.encode_images(pixels[None])[0], pixels, encoder.encode_texts
    )
    found = Occlusion(encoder).explain(match)
    values = found.whole().values
    without = pixels.copy()
    without[3, 5] = np.round(255 / GRID**2), 0, 0
    lost = (encoder.encode_images(pixels[None]) - encoder.encode_images(without[None]))[0] @ query
    assert values.argmax() == 3 * GRID + 5
    assert values[3, 5] == pytest.approx(float(lost), abs=1e-6)
    assert found.scale == pytest.approx(float(values.max()))
