"""Checkpoints of the transformers library give what transformers itself gives."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from openvino_tolerance import openvino_tolerance
from PIL import Image
from random_checkpoint import save_checkpoint
from torch import Tensor
from toy_match import toy_match

from models.composition import Term
from models.encoders.hooks import replaced_input
from models.encoders.huggingface_module import ImageTower, PatchTower, load_huggingface_image_tower
from models.errors import CheckpointError
from models.inference.execution import Execution
from models.library import InstalledModels


def _embed(tower: ImageTower | PatchTower, square: np.ndarray) -> Tensor:
    pixels = torch.from_numpy(square[None])
    return tower(*tower.cut(pixels)) if isinstance(tower, PatchTower) else tower(pixels)


def _photograph(width: int = 60, height: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_image_vectors_equal_transformers_own_forward(huggingface_checkpoint: Path, runtime: str) -> None:
    from transformers import AutoImageProcessor, AutoModel

    encoder = InstalledModels(Execution(runtime, "auto")).encoder(f"hf:{huggingface_checkpoint}")
    shapes = ((60, 40), (32, 32), (20, 75), (90, 30))
    pictures = [*(_photograph(*shape) for shape in shapes), np.ones((50, 60, 3), np.uint8)]
    vectors = encoder.encode_images(np.stack([encoder.prepare(picture) for picture in pictures]))

    model = AutoModel.from_pretrained(huggingface_checkpoint).eval()
    processor = AutoImageProcessor.from_pretrained(huggingface_checkpoint, backend="pil")
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


def test_company_and_its_length_change_no_vector(huggingface_checkpoint: Path) -> None:
    pytest.importorskip("openvino")
    encoder = InstalledModels(Execution("openvino")).encoder(f"hf:{huggingface_checkpoint}")
    texts = ["a dog", "a dog runs on the beach", "the red ball on the beach a cat runs on the beach the dog", "", "cat"]
    pictures = np.stack([encoder.prepare(_photograph(*shape)) for shape in ((60, 40), (32, 32), (20, 75))])
    alone = [encoder.encode_texts([text]) for text in texts]
    np.testing.assert_array_equal(encoder.encode_texts(texts), np.concatenate(alone))
    alone = [encoder.encode_images(picture[None]) for picture in pictures]
    np.testing.assert_array_equal(encoder.encode_images(pictures), np.concatenate(alone))


def test_a_siglip_checkpoint_may_bring_a_sentencepiece_tokeniser(tmp_path: Path) -> None:
    import sentencepiece
    from transformers import SiglipTokenizer

    folder, model = save_checkpoint(tmp_path / "siglip", "siglip"), io.BytesIO()
    sentences = ["a dog runs on the beach", "a cat sleeps", "the red ball"] * 50
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, vocab_size=13, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        model_type="char", hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    (tmp_path / "spiece.model").write_bytes(model.getvalue())
    for file in folder.glob("tokenizer*"):
        file.unlink()
    tokenizer = SiglipTokenizer(str(tmp_path / "spiece.model"))
    tokenizer.save_pretrained(folder)
    tokenise = InstalledModels(Execution("torch")).encoder(f"hf:{folder}")._tokenise
    texts = ["A dog, on the beach!", "cat"]
    expected = tokenizer(texts, padding="max_length", max_length=16, truncation=True)
    assert tokenise(texts)[0].tolist() == expected["input_ids"]


@pytest.mark.slow
def test_once_converted_it_is_served_without_torch_and_transformers(
    huggingface_checkpoint: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    program = """
import sys
import numpy as np
from pathlib import Path
from models.inference.execution import Execution
from models.library import InstalledModels
encoder = InstalledModels(Execution("openvino"), Path(sys.argv[1])).encoder(f"hf:{sys.argv[2]}")
pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
vectors = [*encoder.encode_images(encoder.prepare(pixels)[None]), *encoder.encode_texts(["a dog runs", "cat"])]
np.save(sys.argv[3], np.stack(vectors))
print("torch" in sys.modules, "transformers" in sys.modules)
"""
    arguments = [str(tmp_path / "cache"), str(huggingface_checkpoint)]
    command = [sys.executable, "-c", program, *arguments]
    told = [
        subprocess.run([*command, tmp_path / f"{run}.npy"], capture_output=True, text=True, check=True).stdout.split()
        for run in range(2)
    ]
    assert told == [["True", "True"], ["False", "False"]]
    np.testing.assert_array_equal(*(np.load(tmp_path / f"{run}.npy") for run in range(2)))


def test_card_tells_dimension_and_preprocessing(huggingface_checkpoint: Path) -> None:
    card = InstalledModels(Execution("torch", "auto")).encoder(f"hf:{huggingface_checkpoint}").card
    assert card.dimension == (24 if "clip" in huggingface_checkpoint.name else 32)
    assert card.preprocessing.size == (64 if card.preprocessing.fit == "patches" else 32)
    family = json.loads((huggingface_checkpoint / "config.json").read_text())["model_type"]
    assert card.preprocessing.fit == {"clip": "crop", "siglip": "squash", "siglip2": "patches"}[family]
    assert len(card.weights_sha256) == 64


def test_the_patch_grid_is_traced_and_no_hook_is_left(huggingface_checkpoint: Path) -> None:
    tower = load_huggingface_image_tower(f"hf:{huggingface_checkpoint}")
    square = InstalledModels(Execution("torch")).encoder(f"hf:{huggingface_checkpoint}").prepare(_photograph(32, 32))
    grids, vectors = tower.trace(torch.from_numpy(square[None]))
    assert grids[0].shape[-2:] == (4, 4)
    torch.testing.assert_close(vectors, _embed(tower, square))
    assert not tower.model.vision_model.encoder.layers[-1]._forward_pre_hooks


def test_the_map_weighs_the_patches_that_enter_the_last_layer_by_their_mean_gradients(
    huggingface_checkpoint: Path,
) -> None:
    """The oracle: finite differences, one channel of all patches up and down."""
    name = f"hf:{huggingface_checkpoint}"
    encoder = InstalledModels(Execution("torch")).encoder(name)
    square = encoder.prepare(_photograph(32, 32))
    (query,) = encoder.encode_texts(["a dog runs on the beach"])
    match = toy_match([Term("query", query)], query, square)
    values = InstalledModels().explainer(name, "grad-cam").explain(match).whole().values

    tower = load_huggingface_image_tower(name).double()
    layer = tower.model.vision_model.encoder.layers[-1]
    patches = tower.trace(torch.from_numpy(square[None]))[0][0].detach()[0]

    def score(channel: int, step: float) -> float:
        def change(tokens: Tensor) -> Tensor:
            changed = tokens.clone()
            changed[:, -16:, channel] += step
            return changed

        with torch.no_grad(), replaced_input(layer, change):
            return float(_embed(tower, square)[0].numpy() @ query)

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
