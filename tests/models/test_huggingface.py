"""Checkpoints of the transformers library give what transformers itself gives."""

from pathlib import Path

import numpy as np
import pytest
import torch
from openvino_tolerance import openvino_tolerance
from PIL import Image
from torch import Tensor
from toy_match import toy_match

from models.composition import Term
from models.encoders.hooks import replaced_input
from models.encoders.huggingface import load_huggingface_image_tower
from models.errors import CheckpointError
from models.inference.execution import Execution
from models.library import InstalledModels


def _photograph(width: int = 60, height: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_image_vectors_equal_transformers_own_forward(huggingface_checkpoint: Path, runtime: str) -> None:
    from transformers import AutoImageProcessor, AutoModel

    encoder = InstalledModels(Execution(runtime, "auto")).encoder(f"hf:{huggingface_checkpoint}")
    square = encoder.prepare(_photograph())
    vectors = encoder.encode_images(np.stack([square, square[::-1]]))

    model = AutoModel.from_pretrained(huggingface_checkpoint).eval()
    processor = AutoImageProcessor.from_pretrained(huggingface_checkpoint, backend="pil")
    # SigLIP2's processor picks a size of its own for a photograph; for a square both see the same pixels
    pictures = [square, square[::-1]] if model.config.model_type == "siglip2" else [_photograph(), square[::-1]]
    with torch.no_grad():
        inputs = processor(images=[Image.fromarray(p) for p in pictures], return_tensors="pt")
        theirs = torch.nn.functional.normalize(model.get_image_features(**inputs).pooler_output, dim=-1).numpy()
    tolerance = 1e-5 if runtime == "torch" else openvino_tolerance(float32=1e-3, bfloat16=2e-2)
    np.testing.assert_allclose(vectors, theirs, atol=tolerance)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_text_vectors_equal_transformers_own_forward(huggingface_checkpoint: Path, runtime: str) -> None:
    from transformers import AutoModel, AutoTokenizer

    texts = ["a dog runs on the beach", "cat", "the red ball"]
    vectors = InstalledModels(Execution(runtime, "auto")).encoder(f"hf:{huggingface_checkpoint}").encode_texts(texts)

    model = AutoModel.from_pretrained(huggingface_checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(huggingface_checkpoint)
    rows = []
    for text in texts:  # one at a time: no padding but what the family was trained with
        if model.config.model_type == "clip":
            inputs = tokenizer([text], return_tensors="pt")
            inputs = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
        else:
            inputs = {
                "input_ids": tokenizer([text], padding="max_length", max_length=16, return_tensors="pt")["input_ids"]
            }
        with torch.no_grad():
            rows.append(torch.nn.functional.normalize(model.get_text_features(**inputs).pooler_output[0], dim=-1))
    tolerance = 1e-5 if runtime == "torch" else openvino_tolerance(float32=1e-3, bfloat16=2e-2)
    np.testing.assert_allclose(vectors, torch.stack(rows).numpy(), atol=tolerance)


def test_card_tells_dimension_and_preprocessing(huggingface_checkpoint: Path) -> None:
    card = InstalledModels(Execution("torch", "auto")).encoder(f"hf:{huggingface_checkpoint}").card
    assert card.dimension == (24 if "clip" in huggingface_checkpoint.name else 32)
    assert card.preprocessing.size == 32
    assert card.preprocessing.fit == ("crop" if "clip" in huggingface_checkpoint.name else "squash")
    assert len(card.weights_sha256) == 64


def test_the_patch_grid_is_traced_and_no_hook_is_left(huggingface_checkpoint: Path) -> None:
    tower = load_huggingface_image_tower(f"hf:{huggingface_checkpoint}")
    square = np.ascontiguousarray(_photograph(32, 32))
    grids, vectors = tower.trace(torch.from_numpy(square[None]))
    assert grids[0].shape[-2:] == (4, 4)
    torch.testing.assert_close(vectors, tower(torch.from_numpy(square[None])))
    assert not tower.model.vision_model.encoder.layers[-1]._forward_pre_hooks


def test_the_map_weighs_the_patches_that_enter_the_last_layer_by_their_mean_gradients(
    huggingface_checkpoint: Path,
) -> None:
    """The oracle: finite differences, one channel of all patches up and down."""
    name = f"hf:{huggingface_checkpoint}"
    square = np.ascontiguousarray(_photograph(32, 32))
    (query,) = InstalledModels(Execution("torch")).encoder(name).encode_texts(["a dog runs on the beach"])
    match = toy_match([Term("query", query)], query, square)
    values = InstalledModels().explainer(name, "grad-cam").explain(match).whole().values

    tower = load_huggingface_image_tower(name).double()
    layer = tower.model.vision_model.encoder.layers[-1]
    pixels, patches = torch.from_numpy(square[None]), tower.trace(torch.from_numpy(square[None]))[0][0].detach()[0]

    def score(channel: int, step: float) -> float:
        def change(tokens: Tensor) -> Tensor:
            changed = tokens.clone()
            changed[:, -16:, channel] += step
            return changed

        with torch.no_grad(), replaced_input(layer, change):
            return float(tower(pixels)[0].numpy() @ query)

    mean_gradients = [(score(channel, 1e-4) - score(channel, -1e-4)) / 2e-4 / 16 for channel in range(len(patches))]
    expected = np.tensordot(mean_gradients, patches.numpy(), axes=1)
    assert expected.shape == (4, 4)
    np.testing.assert_allclose(values, expected, atol=1e-4 * np.abs(expected).max())


def test_missing_checkpoint_is_named() -> None:
    with pytest.raises(CheckpointError, match="no/such-model"):
        InstalledModels().encoder("hf:no/such-model")


def test_foreign_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="bert"):
        InstalledModels().encoder(f"hf:{tmp_path}")


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    from transformers import CLIPConfig

    CLIPConfig().save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(CheckpointError, match=tmp_path.name):
        InstalledModels().encoder(f"hf:{tmp_path}")
