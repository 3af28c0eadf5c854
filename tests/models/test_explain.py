"""Explanations of tiny networks whose answer is known by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.encoders.hooks import replaced_input
from models.explain.grad_cam import GradCam, combine_maps
from models.explain.words import leave_one_out


class _Brightness(nn.Module):
    """Two channels, red and blue; the embedding is their means."""

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        grid = (pixels[..., [0, 2]].permute(0, 3, 1, 2).float() / 255).requires_grad_()
        return [grid], grid.mean(dim=(2, 3))


def _red_left_blue_right() -> np.ndarray:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, :2, 0], pixels[:, 2:, 2] = 255, 255
    return pixels


def test_grad_cam_finds_the_half_that_speaks_for_the_query() -> None:
    heat = GradCam(_Brightness()).heat_map(_red_left_blue_right(), np.array([1, 0], np.float32))
    np.testing.assert_array_equal(heat, [[1, 1, 0, 0]] * 4)
    heat = GradCam(_Brightness()).heat_map(_red_left_blue_right(), np.array([0, 1], np.float32))
    np.testing.assert_array_equal(heat, [[0, 0, 1, 1]] * 4)


def test_grad_cam_is_zero_where_everything_speaks_against() -> None:
    heat = GradCam(_Brightness()).heat_map(_red_left_blue_right(), np.array([-1, -1], np.float32))
    assert (heat == 0).all()


def test_maps_of_two_backbones_add_up_as_shares_of_the_score() -> None:
    fine, coarse = torch.zeros(1, 2, 2), torch.ones(1, 1, 1)
    fine[0, 0, 0] = 4.0
    # fine: mean gradient 1, sum of its share 4; coarse: one place worth 8, spread over four places
    heat = combine_maps([fine, coarse], [torch.ones(1, 2, 2), torch.full((1, 1, 1), 8.0)])
    torch.testing.assert_close(heat, torch.tensor([[6.0, 2.0], [2.0, 2.0]]) / 6)


def test_no_hook_survives_success_or_failure() -> None:
    layer = nn.Linear(2, 2)
    with replaced_input(layer, lambda x: x * 0):
        torch.testing.assert_close(layer(torch.ones(1, 2)), layer.bias[None])
    assert not layer._forward_pre_hooks
    with pytest.raises(ZeroDivisionError), replaced_input(layer, lambda x: x):
        raise ZeroDivisionError
    assert not layer._forward_pre_hooks


def test_leaving_a_word_out_shows_what_it_adds() -> None:
    worth = {"dog": 0.5, "beach": 0.25, "no": -1.0}

    def score(texts: list[str]) -> np.ndarray:
        return np.array([sum(worth.get(w, 0.0) for w in t.split()) for t in texts], np.float32)

    found = leave_one_out("no dog on the beach", score)
    assert [(w.word, w.value) for w in found] == [("no", -1), ("dog", 0.5), ("on", 0), ("the", 0), ("beach", 0.25)]
    assert all("no dog on the beach"[w.start : w.end] == w.word for w in found)


def test_words_keep_inner_hyphens_and_apostrophes() -> None:
    found = leave_one_out("a t-shirt, the dog's!", lambda texts: np.zeros(len(texts), np.float32))
    assert [w.word for w in found] == ["a", "t-shirt", "the", "dog's"]


def test_a_text_without_words_has_no_saliency() -> None:
    assert leave_one_out("?!", lambda texts: np.zeros(len(texts), np.float32)) == []
