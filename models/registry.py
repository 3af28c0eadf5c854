"""Names of models, and what stands behind each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.checkpoint import CARD, is_matcher, read_card, read_matcher_card
from models.errors import UnknownModelError
from models.types import DualEncoder, Explainer, Matcher, MatcherCard, ModelCard

if TYPE_CHECKING:
    from models.runtime.base import RuntimeName

DEFAULT_MODEL = "semblance-base"
HUGGING_FACE = "hf:"
"""Prefix of the name or folder of a CLIP, SigLIP or SigLIP2 checkpoint."""

EXPLAIN_METHODS = ("grad-cam",)

_WEIGHTS = Path(__file__).parent / "weights"


@cache
def model_cards() -> tuple[ModelCard, ...]:
    """Return the cards of the dual encoders that ship, the default first."""
    cards = [read_card(folder) for folder in _folders() if not is_matcher(folder)]
    return tuple(sorted(cards, key=lambda card: (card.name != DEFAULT_MODEL, card.name)))


@cache
def matcher_cards() -> tuple[MatcherCard, ...]:
    """Return the cards of the matchers that ship, by name."""
    return tuple(read_matcher_card(folder) for folder in _folders() if is_matcher(folder))


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


def matcher_card(name: str) -> MatcherCard:
    """Return the card of one shipped matcher.

    Raises:
        UnknownModelError: no such matcher; the message lists those there are.
    """
    for card in matcher_cards():
        if card.name == name:
            return card
    names = ", ".join(card.name for card in matcher_cards()) or "none"
    raise UnknownModelError(f"no matcher named {name!r}; there are: {names}")


def load_encoder(
    name: str,
    *,
    matchers: Sequence[str] = (),
    runtime: RuntimeName = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> DualEncoder:
    """Load a dual encoder.

    Args:
        name: of a shipped model, or ``hf:<name or folder>``.
        matchers: whose features it is to give in the same pass (see ``FeatureEncoder``), as far as they are its own:
            matchers of another encoder are passed over.
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

    own = [card for card in map(matcher_card, matchers) if card.encoder == name]
    heads = [(card, _architecture(card).load_feature_head(card, weights_folder(card.name))) for card in own]
    return load_two_tower_encoder(
        model_card(name), weights_folder(name), runtime=runtime, device=device, threads=threads, feature_heads=heads
    )


def load_matcher(
    name: str, *, runtime: RuntimeName = "auto", device: str = "auto", threads: int | None = None
) -> Matcher:
    """Load a matcher; arguments and errors are those of ``load_encoder``."""
    from models.runtime.device import resolve_device

    card = matcher_card(name)
    matcher: Matcher = _architecture(card).load_matcher(
        card, weights_folder(name), runtime=runtime, device=resolve_device(device), threads=threads
    )
    return matcher


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

    return GradCam(load_two_tower(model_card(name), weights_folder(name)).image, device=device)


def weights_folder(name: str) -> Path:
    """Return the folder of a shipped model's or matcher's weights."""
    return _WEIGHTS / name


def _folders() -> list[Path]:
    return [path.parent for path in sorted(_WEIGHTS.glob(f"*/{CARD}"))]


def _architecture(card: MatcherCard) -> Any:
    """Return the module that loads a matcher (see ``models.matchers``)."""
    return import_module(f"models.matchers.{card.architecture}")
