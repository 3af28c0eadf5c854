"""Names of models, and what stands behind each."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from models.checkpoint import CARD, read_card
from models.errors import UnknownModelError
from models.types import DualEncoder, Explainer, ModelCard

if TYPE_CHECKING:
    from models.runtime.base import RuntimeName

DEFAULT_MODEL = "semblance-base"
HUGGING_FACE = "hf:"
"""Prefix of the name or folder of a CLIP, SigLIP or SigLIP2 checkpoint."""

EXPLAIN_METHODS = ("grad-cam",)

_WEIGHTS = Path(__file__).parent / "weights"


@cache
def model_cards() -> tuple[ModelCard, ...]:
    """Return the cards of the models that ship, the default first."""
    cards = [read_card(folder.parent) for folder in sorted(_WEIGHTS.glob(f"*/{CARD}"))]
    return tuple(sorted(cards, key=lambda card: (card.name != DEFAULT_MODEL, card.name)))


def model_card(name: str) -> ModelCard:
    """Return the card of one shipped model.

    Raises:
        UnknownModelError: no such model; the message lists those there are.
    """
    for card in model_cards():
        if card.name == name:
            return card
    names = ", ".join(card.name for card in model_cards())
    raise UnknownModelError(
        f"no model named {name!r}; there are: {names}, and hf:<name or folder> for a CLIP or SigLIP checkpoint"
    )


def load_encoder(
    name: str, *, runtime: RuntimeName = "auto", device: str = "auto", threads: int | None = None
) -> DualEncoder:
    """Load a dual encoder.

    Args:
        name: of a shipped model, or ``hf:<name or folder>``.
        runtime: what executes it (see ``models.runtime.base``).
        device: a torch device name; ``auto`` takes a GPU where there is one.
        threads: cap on the runtime's threads; all cores when None.

    Raises:
        UnknownModelError: no such model.
        CheckpointError: its weights are missing, damaged or not of a kind that is supported.
        RuntimeUnavailableError: the runtime is not installed, or torch cannot use the device.
    """
    from models.runtime.device import resolve_device

    device = resolve_device(device)
    if name.startswith(HUGGING_FACE):
        from models.dual.huggingface import load_huggingface_encoder

        return load_huggingface_encoder(name, runtime=runtime, device=device, threads=threads)
    from models.dual.two_tower import load_two_tower_encoder

    return load_two_tower_encoder(model_card(name), _WEIGHTS / name, runtime=runtime, device=device, threads=threads)


def load_explainer(name: str, *, device: str = "auto") -> Explainer:
    """Load a model's image tower in torch, to explain scores by its gradients. Slow; needs the weights a second time.

    Raises:
        UnknownModelError: no such model.
        CheckpointError: its weights are missing or damaged.
        RuntimeUnavailableError: torch cannot use the device.
    """
    from models.explain.grad_cam import GradCam
    from models.runtime.device import resolve_device

    device = resolve_device(device)
    if name.startswith(HUGGING_FACE):
        from models.dual.huggingface import load_huggingface_image_tower

        return GradCam(load_huggingface_image_tower(name), device=device)
    from models.dual.two_tower import load_two_tower

    return GradCam(load_two_tower(model_card(name), _WEIGHTS / name).image, device=device)
