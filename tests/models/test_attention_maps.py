"""LeGrad and attention roll-out of small random checkpoints, against plain loops whose gradients are differences."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_match import EVERYWHERE, toy_match

from models.composition import Term
from models.encoders.huggingface_attention import VisionAttention
from models.encoders.huggingface_module import load_huggingface_image_tower
from models.explain.legrad import LeGrad
from models.explain.roll_out import RollOut
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import SeenImage

Changes = dict[int, np.ndarray]
"""What is added to the attention of a layer, by its number; to that of the head by -1."""
STEP = 1e-5


class Loops:
    """The vision model of a checkpoint in numpy, token by token and head by head."""

    def __init__(self, folder: Path, square: np.ndarray) -> None:
        tower = load_huggingface_image_tower(f"hf:{folder}")
        self.tower, self.tokens = tower, tower.tokens(torch.from_numpy(square[None]))
        tower.double()
        self.vision, self.is_clip = tower.model.vision_model, tower.model.config.model_type == "clip"
        self.start, x, self.known = self.tokens.states.double().numpy(), None, {}
        for number in range(2):
            x, attention = self.layer(number, self.start if x is None else x, {})
            self.known[number] = x, attention

    def attention(self, q: np.ndarray, k: np.ndarray, heads: int) -> np.ndarray:
        size = q.shape[1] // heads
        found = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            raised = np.exp(q[:, part] @ k[:, part].T / np.sqrt(size))
            found.append(raised / raised.sum(axis=1, keepdims=True))
        return np.stack(found)

    def mixed(self, attention: np.ndarray, v: np.ndarray) -> np.ndarray:
        size = v.shape[1] // len(attention)
        return np.concatenate([a @ v[:, h * size : (h + 1) * size] for h, a in enumerate(attention)], axis=1)

    def layer(self, number: int, x: np.ndarray, changes: Changes) -> tuple[np.ndarray, np.ndarray]:
        layer = self.vision.encoder.layers[number]
        own, normal = layer.self_attn, apply(layer.layer_norm1, x)
        attention = self.attention(apply(own.q_proj, normal), apply(own.k_proj, normal), own.num_heads)
        attention = attention + changes.get(number, 0)
        y = x + apply(own.out_proj, self.mixed(attention, apply(own.v_proj, normal)))
        return y + apply(layer.mlp, apply(layer.layer_norm2, y)), attention

    def states(self, changes: Changes, layers: int = 2) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return what the last of some layers gives, and the attention of each."""
        x, attentions = self.start, []
        for number in range(layers):
            if number not in self.known or any(before in changes for before in range(number + 1)):
                x, attention = self.layer(number, x, changes)
            else:
                x, attention = self.known[number]
            attentions.append(attention)
        return x, attentions

    def pooled(self, x: np.ndarray, changes: Changes) -> tuple[np.ndarray, np.ndarray | None]:
        if self.is_clip:
            return unit(apply(self.tower.model.visual_projection, apply(self.vision.post_layernorm, x[:1]))[0]), None
        x, head = apply(self.vision.post_layernorm, x), self.vision.head
        own = head.attention
        size = x.shape[1]
        weights, biases = (p.detach().numpy() for p in (own.in_proj_weight, own.in_proj_bias))
        q, k, v = (
            source @ weights[part * size : (part + 1) * size].T + biases[part * size : (part + 1) * size]
            for part, source in enumerate((head.probe[0].detach().numpy(), x, x))
        )
        attention = self.attention(q, k, own.num_heads) + changes.get(-1, 0)
        found = apply(own.out_proj, self.mixed(attention, v))
        return unit((found + apply(head.mlp, apply(head.layernorm, found)))[0]), attention

    def mean(self, x: np.ndarray) -> np.ndarray:
        mean = apply(self.vision.post_layernorm, x.mean(axis=0, keepdims=True))
        return unit(apply(self.tower.model.visual_projection, mean)[0])

    def patches(self, values: np.ndarray) -> np.ndarray:
        return values[self.tokens.first :].reshape(self.tokens.rows, self.tokens.columns)


def apply(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(x)[None])[0].numpy()


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x)


def slopes(score: Callable[[np.ndarray], float], shape: tuple[int, ...]) -> np.ndarray:
    """Return by how much a score changes with each entry of an attention."""
    found = np.empty(shape)
    for place in np.ndindex(shape):
        change = np.zeros(shape)
        change[place] = STEP
        found[place] = (score(change) - score(-change)) / (2 * STEP)
    return found


@pytest.fixture
def case(huggingface_checkpoint: Path) -> tuple[Loops, np.ndarray, np.ndarray]:
    encoder = InstalledModels(Execution("torch")).encoder(f"hf:{huggingface_checkpoint}")
    pixels = np.random.default_rng(0).integers(0, 255, (30, 45, 3), np.uint8)
    (query,) = encoder.encode_texts(["a dog runs on the beach"])
    square = encoder.prepare(pixels)
    return Loops(huggingface_checkpoint, square), square, query


def test_with_its_attention_in_sight_the_vision_model_gives_the_same_vector(huggingface_checkpoint: Path) -> None:
    name = f"hf:{huggingface_checkpoint}"
    encoder, tower = InstalledModels(Execution("torch")).encoder(name), load_huggingface_image_tower(name)
    for shape in ((30, 45, 3), (64, 20, 3)):
        square = encoder.prepare(np.random.default_rng(1).integers(0, 255, shape, np.uint8))
        vision = VisionAttention(tower.model)
        given, attentions = vision.run(tower.tokens(torch.from_numpy(square[None])).states)
        np.testing.assert_allclose(
            vision.pooled(given[-1])[0].numpy(), encoder.encode_images(square[None])[0], atol=1e-5
        )
        for attention in attentions:
            torch.testing.assert_close(attention.sum(dim=2), torch.ones(attention.shape[:2]))


@pytest.mark.parametrize("layers", [1, 2])
def test_legrad_is_the_mean_of_what_more_attention_would_add_to_each_layer_s_score(
    case: tuple[Loops, np.ndarray, np.ndarray], layers: int
) -> None:
    loops, square, query = case
    maps = []
    for number in range(2 - layers, 2):
        if loops.is_clip:
            shape = loops.states({})[1][number].shape
            slope = slopes(lambda change, n=number: loops.mean(loops.states({n: change}, n + 1)[0]) @ query, shape)
        else:
            x, _ = loops.states({}, number + 1)
            shape = loops.pooled(x, {})[1].shape
            slope = slopes(lambda change, x=x: loops.pooled(x, {-1: change})[0] @ query, shape)
        maps.append(loops.patches(slope.clip(min=0).mean(axis=(0, 1))))
    expected = np.mean(maps, axis=0)
    match = toy_match([Term("query", query)], query, square)
    found = LeGrad(load_huggingface_image_tower(name_of(loops)), layers=layers).explain(match).whole().values
    assert expected.max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())


def test_roll_out_weighs_the_attention_of_all_layers_by_its_gradients(
    case: tuple[Loops, np.ndarray, np.ndarray],
) -> None:
    loops, square, query = case
    attentions = dict(enumerate(loops.states({})[1]))
    if not loops.is_clip:
        attentions[-1] = loops.pooled(loops.states({})[0], {})[1]
    relevance = np.eye(len(loops.start))
    for number, attention in sorted(attentions.items(), key=lambda one: one[0] % 10):

        def score(change: np.ndarray, number: int = number) -> float:
            return loops.pooled(loops.states({number: change})[0], {number: change})[0] @ query

        weighted = (slopes(score, attention.shape) * attention).clip(min=0).mean(axis=0)
        relevance = weighted @ relevance if number == -1 else relevance + weighted @ relevance
    expected = loops.patches(relevance[0])
    match = toy_match([Term("query", query)], query, square)
    found = RollOut(load_huggingface_image_tower(name_of(loops))).explain(match).whole().values
    assert expected.max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("method", ["legrad", "roll-out", "grad-cam", "top-dimensions"])
def test_of_two_images_both_have_a_map_by_the_vector_of_the_other(huggingface_checkpoint: Path, method: str) -> None:
    name, library = f"hf:{huggingface_checkpoint}", InstalledModels(Execution("torch"))
    encoder, explainer = library.encoder(name), library.explainer(name, method)
    random = np.random.default_rng(2)
    first, second = (encoder.prepare(random.integers(0, 255, (30, 45, 3), np.uint8)) for _ in range(2))
    vectors = encoder.encode_images(np.stack([first, second]))
    there = toy_match([Term("image", vectors[0])], vectors[1], second)
    there.images["query"] = SeenImage(first, EVERYWHERE)
    back = toy_match([Term("image", vectors[1])], vectors[0], first)
    found = explainer.explain(there)
    np.testing.assert_allclose(
        found.whole("query").values, explainer.explain(back).whole().values, atol=1e-5 * found.scale, rtol=1e-4
    )
    assert found.scale >= found.whole("query").values.max()


def name_of(loops: Loops) -> str:
    return f"hf:{loops.tower.model.config._name_or_path}"
