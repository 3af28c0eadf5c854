"""Every method gives each of several terms a map of its own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_encoder import ToyEncoder
from toy_match import no_texts, toy_match, vector

from models.composition import Term
from models.explain.grad_cam import GradCam
from models.explain.occlusion import GRID, Occlusion
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import Match
from models.types import Pixels, Vectors


class Colours(torch.nn.Module):
    """Two channels, red and blue; the embedding is their means."""

    def trace(self, pixels: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        grid = (pixels[..., [0, 2]].permute(0, 3, 1, 2).float() / 255).requires_grad_()
        return [grid], grid.mean(dim=(2, 3))


def halves(side: int) -> Pixels:
    """Return a square, red on the left and blue on the right."""
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[:, : side // 2, 0], pixels[:, side // 2 :, 2] = 255, 255
    return pixels


def steered(plus: Vectors, minus: Vectors, found: Vectors, pixels: Pixels) -> Match:
    return toy_match([Term("image", plus), Term("-image", minus, -0.8)], found, pixels, no_texts)


def test_by_gradients_the_terms_add_up_to_the_whole_and_what_is_taken_away_is_negative() -> None:
    match = steered(vector(1, 0), vector(0, 1), vector(0.5, 0.5), halves(4))
    whole, plus, minus = GradCam(Colours()).explain(match).maps
    assert [whole.term, plus.term, minus.term] == [None, "image", "-image"]
    length = np.hypot(1, 0.8)
    np.testing.assert_allclose(plus.values, [[1 / length / 16] * 2 + [0] * 2] * 4, atol=1e-6)
    np.testing.assert_allclose(minus.values, [[0] * 2 + [-0.8 / length / 16] * 2] * 4, atol=1e-6)
    np.testing.assert_allclose(plus.values + minus.values, whole.values, atol=1e-6)


def test_by_occlusion_too() -> None:
    encoder, pixels = ToyEncoder(size=GRID), halves(GRID)
    red, blue = encoder.encode_texts(["red", "blue"])
    match = steered(red, blue, encoder.encode_images(pixels[None])[0], pixels)
    whole, plus, minus = Occlusion(encoder).explain(match).maps
    np.testing.assert_allclose(plus.values + minus.values, whole.values, atol=1e-6)
    assert plus.values[:, : GRID // 2].min() > 0 > minus.values[:, GRID // 2 :].max()


@pytest.mark.parametrize("method", ["legrad", "roll-out"])
def test_a_method_that_says_nothing_against_a_query_says_it_against_a_term_that_is_taken_away(
    huggingface_checkpoint: Path, method: str
) -> None:
    name, library = f"hf:{huggingface_checkpoint}", InstalledModels(Execution("torch"))
    encoder, explainer = library.encoder(name), library.explainer(name, method)
    pixels = encoder.prepare(np.random.default_rng(2).integers(0, 255, (30, 45, 3), np.uint8))
    (found,) = encoder.encode_images(pixels[None])
    plus, minus = encoder.encode_texts(["a dog", "a cat"])
    _, of_plus, of_minus = explainer.explain(steered(plus, minus, found, pixels)).maps
    assert of_plus.values.min() >= 0 >= of_minus.values.max()
    assert of_plus.values.max() > 0 > of_minus.values.min()


def test_a_query_of_one_term_has_one_map() -> None:
    match = toy_match([Term("image", vector(1, 0))], vector(0.5, 0.5), halves(4))
    assert len(GradCam(Colours()).explain(match).maps) == 1
