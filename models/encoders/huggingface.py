"""CLIP, SigLIP and SigLIP2 checkpoints of the transformers library as dual encoders.

Only safetensors weights are read, and no code that a checkpoint brings is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.cards import EncoderCard, Preprocessing
from models.encoders.compiled import CompiledDualEncoder
from models.encoders.hooks import replaced_input
from models.errors import CheckpointError
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.inference.runner import Runner
from models.inference.torch_runtime import TorchRunner
from models.names import HUGGING_FACE

_FAMILIES = ("clip", "siglip", "siglip2")
_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers


class ImageTower(nn.Module):
    """``(B, S, S, 3)`` uint8 pixels to ``(B, D)`` unit vectors by a checkpoint's vision model."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self._patch = model.config.vision_config.patch_size
        self._patchify = model.config.model_type == "siglip2"
        self.register_buffer("mean", torch.tensor(preprocessing.mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).reshape(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        arguments = self._patches(x) if self._patchify else {"pixel_values": x}
        return F.normalize(self.model.get_image_features(**arguments).pooler_output, dim=-1)

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Embed pixels; also return, as a leaf that gradients reach, the grid of patches that enters the last layer.

        The last layer's own output would not do: where the embedding is read from a class token, gradients of the
        patches end there.
        """
        grids: list[Tensor] = []

        def keep_grid(tokens: Tensor) -> Tensor:
            side = pixels.shape[1] // self._patch
            extra = tokens.shape[1] - side * side  # a class token, or none
            patches = tokens[:, extra:].detach().transpose(1, 2).reshape(len(tokens), -1, side, side)
            grids.append(patches.requires_grad_())
            return torch.cat([tokens[:, :extra].detach(), grids[0].flatten(2).transpose(1, 2)], dim=1)

        with replaced_input(self.model.vision_model.encoder.layers[-1], keep_grid):
            vectors = self(pixels)
        return grids, vectors

    def _patches(self, x: Tensor) -> dict[str, Tensor]:
        """Cut a square into the rows of patches that SigLIP2 takes."""
        batch, channels, size, _ = x.shape
        side = size // self._patch
        grid = x.reshape(batch, channels, side, self._patch, side, self._patch).permute(0, 2, 4, 3, 5, 1)
        return {
            "pixel_values": grid.reshape(batch, side * side, -1),
            "pixel_attention_mask": torch.ones(batch, side * side, dtype=torch.int64, device=x.device),
            "spatial_shapes": torch.full((batch, 2), side, dtype=torch.int64, device=x.device),
        }


class TextTower(nn.Module):
    """Token ids and mask ``(B, T)`` to ``(B, D)`` unit vectors by a checkpoint's text model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        # SigLIP was trained on sentences padded to a fixed length without a mask, and expects to see the padding
        self._masked = model.config.model_type == "clip"

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed sentences."""
        features = self.model.get_text_features(ids, attention_mask=mask if self._masked else None)
        return F.normalize(features.pooler_output, dim=-1)


def load_huggingface_encoder(name: str, compiler: Compiler) -> CompiledDualEncoder:
    """Load ``hf:<name or folder>``.

    Raises:
        CheckpointError: not there, not CLIP, SigLIP or SigLIP2, or without safetensors weights.
    """
    model, preprocessing, tokenise = _load(name)
    image, text = ImageTower(model, preprocessing).eval(), TextTower(model).eval()
    card = _card(name, model, preprocessing)
    file_stem = f"hf-{card.weights_sha256[:16]}"
    pixels = torch.zeros(2, preprocessing.size, preprocessing.size, 3, dtype=torch.uint8)
    words = [torch.from_numpy(array) for array in tokenise(["a dog", "a dog runs"])]

    def image_tower() -> Runner:
        if model.config.model_type == "siglip2":
            # it resizes position embeddings image by image, in Python, which cannot be compiled ahead
            return TorchRunner(image, device=compiler.device, threads=compiler.threads)
        return compiler.runner(f"{file_stem}.image", card.made_of, lambda: Graph(image, [pixels], [(0,)]))

    return CompiledDualEncoder(
        card,
        image_tower,
        lambda: compiler.runner(f"{file_stem}.text", card.made_of, lambda: Graph(text, words, [(0, 1), (0, 1)])),
        tokenise,
    )


def load_huggingface_image_tower(name: str) -> ImageTower:
    """Load the image half of ``hf:<name or folder>``, to explain it."""
    model, preprocessing, _ = _load(name)
    return ImageTower(model, preprocessing).eval()


def _load(name: str) -> tuple[Any, Preprocessing, Callable[[Sequence[str]], tuple[NDArray[Any], ...]]]:
    from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

    source = name.removeprefix(HUGGING_FACE)
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if config.model_type not in _FAMILIES:
            raise CheckpointError(f"{source} is a {config.model_type!r} model; supported are {', '.join(_FAMILIES)}")
        model = AutoModel.from_pretrained(source, use_safetensors=True, trust_remote_code=False).float().eval()
        processor = AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise CheckpointError(f"cannot load {source!r} as a CLIP or SigLIP checkpoint: {reason}") from error
    model.requires_grad_(False)
    length = config.text_config.max_position_embeddings
    padding = "longest" if config.model_type == "clip" else "max_length"

    def tokenise(texts: Sequence[str]) -> tuple[NDArray[Any], ...]:
        encoded = tokenizer(list(texts), padding=padding, truncation=True, max_length=length, return_tensors="np",
                            return_attention_mask=True)  # fmt: skip
        return encoded["input_ids"].astype(np.int64), encoded["attention_mask"].astype(np.int64)

    return model, _preprocessing(config, processor.to_dict()), tokenise


def _preprocessing(config: Any, processor: dict[str, Any]) -> Preprocessing:
    resample = _RESAMPLE.get(int(processor.get("resample") or 3))
    if resample is None:
        raise CheckpointError(
            f"the checkpoint resizes with filter {processor['resample']}; supported: bilinear, bicubic"
        )
    if config.model_type == "siglip2":
        # its processor keeps the aspect ratio within a budget of patches; a fixed square of that budget is served here
        size = int(config.vision_config.num_patches**0.5) * config.vision_config.patch_size
    else:
        size = config.vision_config.image_size
    return Preprocessing(
        size=size,
        fit="crop" if processor.get("do_center_crop") else "squash",
        resample=resample,  # type: ignore[arg-type]
        mean=tuple(processor["image_mean"]),
        std=tuple(processor["image_std"]),
    )


def _card(name: str, model: Any, preprocessing: Preprocessing) -> EncoderCard:
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode() + value.contiguous().numpy().tobytes())
    config = model.config
    dimension: int = config.projection_dim if config.model_type == "clip" else config.vision_config.hidden_size
    return EncoderCard(
        name=name,
        description=f"{config.model_type} checkpoint of the transformers library",
        architecture="huggingface",
        dimension=dimension,
        preprocessing=preprocessing,
        weights_sha256=digest.hexdigest(),
        weights_bytes=sum(v.numel() * v.element_size() for v in model.state_dict().values()),
        licence="see the checkpoint",
        languages=(),
    )
