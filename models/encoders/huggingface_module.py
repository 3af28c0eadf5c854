"""The towers of CLIP, SigLIP and SigLIP2 checkpoints, loaded by the transformers library.

Only safetensors weights are read, and no code that a checkpoint brings is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from models.cards import Preprocessing
from models.encoders.hooks import replaced_input
from models.encoders.huggingface_attention import Tokens
from models.encoders.huggingface_description import Description
from models.errors import CheckpointError
from models.imaging.patches import canvas_side, cut_patches, picture_sides
from models.inference.graph import Graph
from models.names import HUGGING_FACE

_FAMILIES = ("clip", "siglip", "siglip2")
_MASKED = -1e9
"""Added to what a softmax must not see; the lowest float32 would be infinite in bfloat16, and 0 times it no number."""
_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers


@dataclass(frozen=True)
class Checkpoint:
    """What transformers made of a checkpoint's files: a model, the settings of its image processor, its tokeniser."""

    model: Any
    processor: dict[str, Any]
    tokenizer: Any


def load_checkpoint(name: str) -> Checkpoint:
    """Load ``hf:<name or folder>``.

    Raises:
        CheckpointError: not there, not CLIP, SigLIP or SigLIP2, or without safetensors weights.
    """
    from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

    source = name.removeprefix(HUGGING_FACE)
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if config.model_type not in _FAMILIES:
            raise CheckpointError(f"{source} is a {config.model_type!r} model; supported are {', '.join(_FAMILIES)}")
        model = AutoModel.from_pretrained(source, use_safetensors=True, trust_remote_code=False).float().eval()
        processor = AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise CheckpointError(f"cannot load {source!r} as a CLIP or SigLIP checkpoint: {reason}") from error
    return Checkpoint(model.requires_grad_(False), processor.to_dict(), tokenizer)


def describe(checkpoint: Checkpoint) -> Description:
    """Return all that serving needs to know of a checkpoint beside its converted towers.

    Raises:
        CheckpointError: it resizes images by an unknown filter.
    """
    model, config = checkpoint.model, checkpoint.model.config
    state = model.state_dict()
    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        digest.update(key.encode() + value.contiguous().numpy().tobytes())
    return Description(
        family=config.model_type,
        dimension=config.projection_dim if config.model_type == "clip" else config.vision_config.hidden_size,
        preprocessing=_preprocessing(config, checkpoint.processor),
        weights_sha256=digest.hexdigest(),
        weights_bytes=sum(value.numel() * value.element_size() for value in state.values()),
        grid=int(config.vision_config.num_patches**0.5) if config.model_type == "siglip2" else None,
        longest=config.text_config.max_position_embeddings,
        tokeniser=_tokeniser(checkpoint.tokenizer, config),
    )


def image_graph(model: Any, described: Description) -> Graph:
    """Return the image tower to compile."""
    shape = described.preprocessing
    if described.grid is None:
        pixels = torch.zeros(2, shape.size, shape.size, 3, dtype=torch.uint8)
        return Graph(ImageTower(model, shape).eval(), [pixels], [(0,)])
    tower = PatchTower(model, shape).eval()
    return Graph(tower, tower.cut(torch.zeros(2, shape.size, shape.size, 3, dtype=torch.uint8)), [(0,)] * 4)


def text_graph(model: Any, described: Description) -> Graph:
    """Return the text tower to compile; SigLIP's sentences are all of one length."""
    length = 8 if described.pads_to_longest else described.longest
    axes = (0, 1) if described.pads_to_longest else (0,)
    ids, mask = torch.ones(2, 2, length, dtype=torch.int64)
    return Graph(TextTower(model).eval(), [ids, mask], [axes, axes])


def load_huggingface_image_tower(name: str) -> ImageTower | PatchTower:
    """Load the image half of ``hf:<name or folder>``, to explain it."""
    checkpoint = load_checkpoint(name)
    shape = _preprocessing(checkpoint.model.config, checkpoint.processor)
    return (PatchTower if shape.fit == "patches" else ImageTower)(checkpoint.model, shape).eval()


class ImageTower(nn.Module):
    """``(B, S, S, 3)`` uint8 pixels to ``(B, D)`` unit vectors by the vision model of CLIP or SigLIP."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self._patch = model.config.vision_config.patch_size
        self.register_buffer("mean", torch.tensor(preprocessing.mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).reshape(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        x = self._normalised(pixels)
        return F.normalize(self.model.get_image_features(pixel_values=x).pooler_output, dim=-1)

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Embed pixels; also return, as a leaf that gradients reach, the grid of patches that enters the last layer.

        The last layer's own output would not do: where the embedding is read from a class token, gradients of the
        patches end there.
        """
        side = pixels.shape[1] // self._patch
        return _trace(self.model, side, side, lambda: self(pixels))

    def tokens(self, pixels: Tensor) -> Tokens:
        """See ``AttentionTower``."""
        side, vision = pixels.shape[1] // self._patch, self.model.vision_model
        states = vision.embeddings(self._normalised(pixels))[0]
        if self.model.config.model_type == "clip":
            return Tokens(vision.pre_layrnorm(states), side, side, first=1)
        return Tokens(states, side, side, first=0)

    def _normalised(self, pixels: Tensor) -> Tensor:
        return (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std


class PatchTower(nn.Module):
    """What ``cut_patches`` gives to ``(B, D)`` unit vectors by the vision model of SigLIP2.

    Transformers resizes the position embeddings image by image, in Python, which cannot be compiled ahead. The same is
    a product with each patch's weights in the grid.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        super().__init__()
        assert preprocessing.patch and preprocessing.max_patches  # noqa: S101 - of this form
        self.model, self._patch, self._most = model, preprocessing.patch, preprocessing.max_patches
        values = self._patch**2
        self.register_buffer("mean", torch.tensor(preprocessing.mean).repeat(values))
        self.register_buffer("std", torch.tensor(preprocessing.std).repeat(values))

    def cut(self, pixels: Tensor) -> list[Tensor]:
        """Return the inputs that ``(B, S, S, 3)`` uint8 squares give."""
        grid = self.model.vision_model.embeddings.position_embedding_size
        arrays = cut_patches(pixels.cpu().numpy(), self._patch, self._most, grid)
        return [torch.from_numpy(array).to(pixels.device) for array in arrays]

    def forward(self, patches: Tensor, mask: Tensor, down: Tensor, across: Tensor) -> Tensor:
        """Embed pictures of P patches each."""
        vision, hidden = self.model.vision_model, self._embedded(patches, down, across)
        hidden_from = ((1 - mask[:, None, None, :]) * _MASKED).to(hidden.dtype)
        hidden = vision.encoder(inputs_embeds=hidden, attention_mask=hidden_from).last_hidden_state
        return F.normalize(self._pool(vision.head, vision.post_layernorm(hidden), hidden_from), dim=-1)

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """As ``ImageTower.trace``, of one square."""
        inputs = self.cut(pixels)
        return _trace(self.model, *self._grid(pixels), lambda: self(*inputs))

    def tokens(self, pixels: Tensor) -> Tokens:
        """See ``AttentionTower``; without the tokens that only fill up, which no other sees."""
        patches, _, down, across = self.cut(pixels)
        rows, columns = self._grid(pixels)
        return Tokens(self._embedded(patches, down, across)[0, : rows * columns], rows, columns, first=0)

    def _grid(self, pixels: Tensor) -> tuple[int, int]:
        rows, columns = picture_sides(pixels[0].cpu().numpy())
        return rows // self._patch, columns // self._patch

    def _embedded(self, patches: Tensor, down: Tensor, across: Tensor) -> Tensor:
        embeddings = self.model.vision_model.embeddings
        places = (down.unsqueeze(-1) * across.unsqueeze(-2)).flatten(2)  # (B, P, G * G)
        hidden: Tensor = embeddings.patch_embedding((patches.float() / 255 - self.mean) / self.std)
        positions = embeddings.position_embedding.weight
        embedded: Tensor = hidden + places.to(positions.dtype) @ positions
        return embedded

    @staticmethod
    def _pool(head: Any, hidden: Tensor, hidden_from: Tensor) -> Tensor:
        """Return what the head pools, ``(B, D)``; its own forward makes its mask in a way that cannot be traced."""
        probe = head.probe.repeat(hidden.shape[0], 1, 1)
        masks = hidden_from.repeat(1, head.num_heads, 1, 1).flatten(0, 1)
        pooled = head.attention(probe, hidden, hidden, attn_mask=masks, need_weights=False)[0]
        return (pooled + head.mlp(head.layernorm(pooled)))[:, 0]  # type: ignore[no-any-return]


def _trace(model: Any, rows: int, columns: int, embed: Callable[[], Tensor]) -> tuple[list[Tensor], Tensor]:
    """Embed, and return the grid ``(B, C, rows, columns)`` of patches that enters the last layer as a leaf."""
    grids: list[Tensor] = []

    def keep_grid(tokens: Tensor) -> Tensor:
        count = rows * columns
        start = 1 if model.config.model_type == "clip" else 0  # its class token comes first
        before, patches, after = tokens[:, :start], tokens[:, start : start + count], tokens[:, start + count :]
        grid = patches.detach().transpose(1, 2).reshape(len(tokens), -1, rows, columns)
        grids.append(grid.requires_grad_())
        return torch.cat([before.detach(), grid.flatten(2).transpose(1, 2), after.detach()], dim=1)

    with replaced_input(model.vision_model.encoder.layers[-1], keep_grid):
        vectors = embed()
    return grids, vectors


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


def _preprocessing(config: Any, processor: dict[str, Any]) -> Preprocessing:
    resample = _RESAMPLE.get(int(processor.get("resample") or 3))
    if resample is None:
        raise CheckpointError(
            f"the checkpoint resizes with filter {processor['resample']}; supported: bilinear, bicubic"
        )
    variable: dict[str, Any] = {}
    if config.model_type == "siglip2":
        variable = {"patch": config.vision_config.patch_size, "max_patches": processor["max_num_patches"]}
        size, fit = canvas_side(*variable.values()), "patches"
    else:
        size, fit = config.vision_config.image_size, "crop" if processor.get("do_center_crop") else "squash"
    return Preprocessing(
        size=size,
        fit=fit,  # type: ignore[arg-type]
        resample=resample,  # type: ignore[arg-type]
        mean=tuple(processor["image_mean"]),
        std=tuple(processor["image_std"]),
        **variable,
    )


def _tokeniser(tokenizer: Any, config: Any) -> str | None:
    """Return the tokeniser as the tokenizers library reads it, with padding and truncation; None where it cannot."""
    if not getattr(tokenizer, "backend_tokenizer", None):
        return None
    alone = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    longest = config.text_config.max_position_embeddings
    alone.enable_truncation(longest, direction=tokenizer.truncation_side)
    is_clip = config.model_type == "clip"
    alone.enable_padding(
        direction="right" if is_clip else tokenizer.padding_side,
        pad_id=tokenizer.pad_token_id,
        pad_token=tokenizer.pad_token,
        length=None if is_clip else longest,
    )
    text: str = alone.to_str()
    return text
