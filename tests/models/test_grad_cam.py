"""Grad-CAM of tiny networks whose maps are computed by hand."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toy_match import EVERYWHERE, toy_match, vector

from models.backbones.frozen import SIDE
from models.backbones.lite_pair import INPUT
from models.composition import Term
from models.encoders.linear_mapping import load_image_tower
from models.evidence import Evidence
from models.explain.grad_cam import GradCam, combine_maps
from models.explain.source import ExplainableTower
from models.inference.execution import Execution
from models.library import InstalledModels
from models.shipped import encoder_card, weights_folder
from models.types import Pixels, Vectors


class Colours(nn.Module):
    """Two channels, red and blue; the embedding is their means, so that a place adds a 16th of its colour."""

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        grid = (pixels[..., [0, 2]].permute(0, 3, 1, 2).float() / 255).requires_grad_()
        return [grid], grid.mean(dim=(2, 3))


class Weighted:
    """One channel; the places of the right half weigh three times as much as those of the left."""

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        grid = (pixels[..., :1].permute(0, 3, 1, 2).float() / 255).requires_grad_()
        weights = torch.tensor([1.0, 1.0, 3.0, 3.0])
        return [grid], (grid * weights).sum(dim=(2, 3))


class TwoGrids:
    """The red channel on a grid of 4 x 4, the blue one on 2 x 2; the embedding is the sum over each."""

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        colours = pixels.permute(0, 3, 1, 2).float() / 255
        fine, coarse = colours[:, :1].requires_grad_(), colours[:, 2:, ::2, ::2].requires_grad_()
        return [fine, coarse], torch.cat([fine.sum(dim=(2, 3)), coarse.sum(dim=(2, 3))], dim=1)


def halves() -> Pixels:
    """Return 4 x 4 pixels, red on the left and blue on the right."""
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, :2, 0], pixels[:, 2:, 2] = 255, 255
    return pixels


def explain(tower: ExplainableTower, pixels: Pixels, query: Vectors) -> Evidence:
    return GradCam(tower).explain(toy_match([Term("query", query)], query, pixels))


def test_a_place_adds_its_share_of_the_score_and_the_shares_add_up() -> None:
    evidence = explain(Colours(), halves(), vector(0.6, 0.8))
    values = evidence.whole().values
    np.testing.assert_allclose(values, [[0.6 / 16, 0.6 / 16, 0.8 / 16, 0.8 / 16]] * 4, rtol=1e-6)
    assert values.sum() == pytest.approx(0.5 * 0.6 + 0.5 * 0.8)  # the score of this linear network
    assert evidence.scale == pytest.approx(0.8 / 16)
    np.testing.assert_allclose(evidence.heat(), [[0.75, 0.75, 1, 1]] * 4, rtol=1e-6)


def test_the_map_is_of_the_whole_query_on_the_result_over_what_the_model_sees() -> None:
    (found,) = explain(Colours(), halves(), vector(1, 0)).maps
    assert (found.image, found.term, found.region) == ("result", None, EVERYWHERE)


def test_what_speaks_against_the_query_is_negative_and_not_painted() -> None:
    evidence = explain(Colours(), halves(), vector(0.6, -0.8))
    np.testing.assert_allclose(evidence.whole().values, [[0.6 / 16, 0.6 / 16, -0.8 / 16, -0.8 / 16]] * 4, rtol=1e-6)
    np.testing.assert_array_equal(evidence.heat(), [[1, 1, 0, 0]] * 4)


def test_channels_are_added_before_what_speaks_against_is_dropped() -> None:
    magenta = np.full((4, 4, 3), (255, 0, 255), np.uint8)
    values = explain(Colours(), magenta, vector(0.8, -0.6)).whole().values
    np.testing.assert_allclose(values, np.full((4, 4), 0.2 / 16), rtol=1e-6)


def test_where_everything_speaks_against_nothing_is_painted() -> None:
    evidence = explain(Colours(), halves(), vector(-0.6, -0.8))
    assert evidence.whole().values.max() == pytest.approx(-0.6 / 16)
    assert evidence.scale == 0
    np.testing.assert_array_equal(evidence.heat(), np.zeros((4, 4)))


def test_a_picture_without_evidence_has_a_map_of_zeros() -> None:
    evidence = explain(Colours(), np.zeros((4, 4, 3), np.uint8), vector(1, 0))
    np.testing.assert_array_equal(evidence.whole().values, np.zeros((4, 4)))
    np.testing.assert_array_equal(evidence.heat(), np.zeros((4, 4)))


def test_a_channel_weighs_by_its_mean_gradient_and_not_place_by_place() -> None:
    pixels = np.full((4, 4, 3), 255, np.uint8)
    pixels[:, 2:] = 51
    values = explain(Weighted(), pixels, vector(1)).whole().values
    np.testing.assert_allclose(values, [[2, 2, 0.4, 0.4]] * 4, rtol=1e-6)  # the mean of 1 and 3 is 2


def test_two_backbones_of_different_grids_give_one_map_on_the_finer() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[3, 3, 0], pixels[0, 0, 2] = 255, 255
    evidence = explain(TwoGrids(), pixels, vector(0.6, 0.8))
    across = np.array([1, 0.75, 0.25, 0])  # one of two places, bilinearly on four
    expected = 0.8 / 4 * np.outer(across, across)  # the coarse place, a share on each of the four that it covers
    expected[3, 3] += 0.6
    np.testing.assert_allclose(evidence.whole().values, expected, atol=1e-6)
    assert evidence.whole().values.sum() == pytest.approx(0.6 + 0.8)
    assert evidence.scale == pytest.approx(0.6)


def test_maps_add_up_as_shares_of_the_score_before_anything_is_scaled() -> None:
    fine, coarse = torch.zeros(1, 2, 2), torch.ones(1, 1, 1)
    fine[0, 0, 0] = 4.0
    # fine: mean gradient 1, sum of its share 4; coarse: one place worth 8, spread over four places
    found = combine_maps([fine, coarse], [torch.ones(1, 2, 2), torch.full((1, 1, 1), 8.0)])
    torch.testing.assert_close(found, torch.tensor([[6.0, 2.0], [2.0, 2.0]]))


def test_the_grid_has_the_most_rows_and_the_most_columns_of_any_map() -> None:
    tall, wide = torch.ones(1, 3, 1), torch.ones(1, 1, 2)
    found = combine_maps([tall, wide], [torch.ones(1, 3, 1), torch.ones(1, 1, 2)])
    torch.testing.assert_close(found, torch.full((3, 2), 3 / 6 + 2 / 6))


def test_of_a_network_that_averages_places_a_value_is_the_slope_of_the_score_as_the_place_grows() -> None:
    """The oracle of a network that ships: finite differences, features of one place 0.1 % up and down."""
    library = InstalledModels(Execution("torch"))
    prepared = np.random.default_rng(0).integers(0, 255, (INPUT.size, INPUT.size, 3), np.uint8)
    (query,) = library.encoder("linear-mapping").encode_texts(["a red flower"])
    match = toy_match([Term("query", query)], query, prepared)
    evidence = library.explainer("linear-mapping", "grad-cam").explain(match)

    tower = load_image_tower(encoder_card("linear-mapping"), weights_folder("linear-mapping"))
    with torch.inference_mode():
        features = tower.backbone(torch.from_numpy(prepared[None])).double()
        scores = []
        for step in (1e-3, -1e-3):
            changed = features.repeat(SIDE * SIDE, 1, 1, 1)
            for place in range(SIDE * SIDE):
                changed[place, :, place // SIDE, place % SIDE] *= 1 + step
            scores.append((tower.head.double()(changed) @ torch.from_numpy(query).double()).numpy())
    slopes = ((scores[0] - scores[1]) / 2e-3).reshape(SIDE, SIDE)
    np.testing.assert_allclose(evidence.whole().values, slopes, atol=1e-4 * np.abs(slopes).max())
    assert evidence.scale == pytest.approx(slopes.max(), rel=1e-4)


def test_pixels_may_be_a_turned_view_and_gradients_switched_off() -> None:
    with torch.no_grad():
        evidence = explain(Colours(), halves()[:, ::-1], vector(1, 0))
    np.testing.assert_array_equal(evidence.heat(), [[0, 0, 1, 1]] * 4)


def test_the_weights_of_a_network_need_no_gradients() -> None:
    tower = Colours()
    tower.weight = nn.Parameter(torch.ones(1))
    GradCam(tower)
    assert not tower.weight.requires_grad


def test_threads_wait_for_one_another() -> None:
    inside, most = 0, 0
    counting = threading.Lock()

    class Slow(Colours):
        def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
            nonlocal inside, most
            with counting:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)
            with counting:
                inside -= 1
            return super().trace(pixels)

    method, match = GradCam(Slow()), toy_match([Term("query", vector(1, 0))], vector(1, 0), halves())
    with ThreadPoolExecutor(4) as callers:
        heats = [evidence.heat() for evidence in callers.map(method.explain, [match] * 4)]
    assert most == 1
    for heat in heats:
        np.testing.assert_array_equal(heat, [[1, 1, 0, 0]] * 4)
