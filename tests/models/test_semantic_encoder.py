"""The encoders over R-MAC: any shape of picture, no trace of its padding, heat maps in the right place."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from toy_match import toy_match

from lab.checkpoint import write_checkpoint
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_maps import LiteMaps
from models.backbones.rmac import RegionAggregation
from models.cards import read_encoder_card
from models.composition import Term
from models.encoders.compiled import CompiledDualEncoder
from models.encoders.semantic import ByShape, load_encoder, load_image_tower
from models.encoders.semantic_module import (
    BACKBONES,
    DIMENSION,
    INPUT,
    ImageTower,
    Semantic,
    TextEmbedding,
    backbone_graph,
)
from models.explain.grad_cam import GradCam
from models.imaging.transforms import fit_square
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.shipped import part_card
from models.text.stem_bags import STEM_BAGS, load_stem_bags
from tests.openvino_tolerance import openvino_tolerance


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random projections over the parts that ship."""
    torch.manual_seed(0)
    trained = Semantic(1280 * len(BACKBONES), len(BACKBONES), len(load_stem_bags()))
    nn.init.normal_(trained.text.weight)
    where = tmp_path_factory.mktemp("semantic-toy")
    card = {
        "name": "semantic-toy", "description": "", "licence": "", "architecture": "semantic", "dimension": DIMENSION,
        "options": {"backbones": list(BACKBONES)}, "preprocessing": asdict(INPUT),
        "parts": {name: part_card(name).weights_sha256 for name in (IMAGENET_LITE, STEM_BAGS)},
    }  # fmt: skip
    write_checkpoint(where, trained.state_dict(), card, int8_rows=64)
    return where


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Iterator[CompiledDualEncoder]:
    yield load_encoder(read_encoder_card(folder), folder, Compiler())


def _photograph(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(height).integers(0, 255, (5, 8, 3), np.uint8)
    return np.repeat(np.repeat(coarse, height // 5, axis=0), width // 8, axis=1)


def test_pictures_of_several_shapes_in_one_batch_are_embedded_as_each_alone(encoder: CompiledDualEncoder) -> None:
    shapes = [(90, 160), (160, 160), (160, 90), (100, 160)]
    squares = np.stack([encoder.prepare(_photograph(*shape)) for shape in shapes])
    together = encoder.encode_images(squares)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for square, vector in zip(squares, together, strict=True):
        alone = encoder.encode_images(square[None])[0]
        np.testing.assert_allclose(alone, vector, atol=openvino_tolerance(1e-4, 2e-2))


def test_where_the_picture_lies_in_the_square_does_not_matter(encoder: CompiledDualEncoder) -> None:
    square = encoder.prepare(_photograph(90, 160))
    moved = np.roll(square, len(square) - 160, axis=0)  # 160 rows of picture from the top to the bottom
    one, other = encoder.encode_images(np.stack([square, moved]))
    assert one @ other > 0.999


def test_the_runtime_agrees_with_the_tower_that_is_explained(encoder: CompiledDualEncoder, folder: Path) -> None:
    square = encoder.prepare(_photograph(90, 160))
    tower = load_image_tower(read_encoder_card(folder), folder)
    explained = tower(torch.from_numpy(square[None]))[0].detach().numpy()
    assert explained @ encoder.encode_images(square[None])[0] > 0.99


def test_no_images_and_no_texts_are_no_vectors(encoder: CompiledDualEncoder) -> None:
    size = INPUT.size
    assert encoder.encode_images(np.zeros((0, size, size, 3), np.uint8)).shape == (0, DIMENSION)
    assert encoder.encode_texts([]).shape == (0, DIMENSION)
    assert np.isfinite(encoder.encode_images(np.zeros((1, size, size, 3), np.uint8))).all()  # the service's warm-up


def test_texts_of_the_same_stems_are_alike_and_unknown_ones_are_unit_vectors(encoder: CompiledDualEncoder) -> None:
    dogs, dog, zyzzyva = encoder.encode_texts(["Dogs running", "the dog runs", "zyzzyva"])
    np.testing.assert_allclose(dogs, dog, atol=1e-6)
    assert np.linalg.norm(zyzzyva) == pytest.approx(1, abs=1e-5)


def test_texts_are_projected_by_the_formula() -> None:
    torch.manual_seed(0)
    text = TextEmbedding(3, 2)
    nn.init.normal_(text.weight)
    bag, weight = np.array([0.6, 0.0, 0.8]), text.weight.detach().numpy()
    projected = np.array([sum(bag[stem] * weight[stem, column] for stem in range(3)) for column in range(2)])
    found = text(torch.tensor(bag[None], dtype=torch.float32)).detach().numpy()[0]
    np.testing.assert_allclose(found, projected / np.sqrt((projected**2).sum()), rtol=1e-6)


class _Colours(nn.Module):
    """A map of the mean colour of each 32 x 32 pixels."""

    def forward(self, pixels: Tensor) -> Tensor:
        return F.avg_pool2d(pixels.permute(0, 3, 1, 2).float() / 255, 32)


def test_the_heat_map_covers_the_picture_alone_and_glows_where_the_colour_is() -> None:
    photograph = np.full((90, 160, 3), (0, 0, 255), np.uint8)
    photograph[:, 120:] = (255, 0, 0)
    head = RegionAggregation(3, 3)
    with torch.no_grad():
        head.project.weight.copy_(torch.eye(3))
        head.project.bias.zero_()
    query = np.array([1, 0, 0], np.float32)
    match = toy_match([Term("query", query)], query, fit_square(photograph, INPUT))
    heat = GradCam(ImageTower(_Colours(), head)).explain(match).heat()  # type: ignore[arg-type]
    assert heat.shape == (5, 9)  # 160 x 288 pixels of picture
    assert heat[:, :6].max() < 0.2
    assert heat[:, 7:].min() > 0.4


def test_by_shape_hands_each_shape_over_without_its_padding() -> None:
    seen = []

    def embed(pixels: np.ndarray) -> np.ndarray:
        seen.append(pixels.shape)
        return pixels.mean(axis=(1, 2))[:, :1].astype(np.float32)

    wide, tall = np.zeros((2, 96, 96, 3), np.uint8)
    wide[:32], tall[:, :64] = 10, 20
    vectors = ByShape(embed, 1)(np.stack([wide, tall, wide]))
    assert sorted(seen) == [(1, 96, 64, 3), (2, 32, 96, 3)]
    assert vectors.ravel().tolist() == [10, 20, 10]


def test_one_compiled_backbone_serves_every_shape() -> None:
    within = openvino_tolerance(1e-3, 0.2)
    backbone = LiteMaps(("lite0",)).eval()
    compiled = Compiler(Execution("openvino")).runner("backbone", (), lambda: backbone_graph(backbone))
    for shape in [(64, 96), (96, 64), (64, 64)]:
        pixels = torch.randint(0, 255, (1, *shape, 3), dtype=torch.uint8)
        with torch.inference_mode():
            expected = backbone(pixels).numpy()
        found = compiled(pixels.numpy())
        assert found.shape == expected.shape == (1, 1280, shape[0] // 32, shape[1] // 32)
        assert np.abs(found - expected).mean() < within
