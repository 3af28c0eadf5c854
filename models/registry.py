"""Names of models, and what stands behind each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from models.checkpoint import (
    CARD,
    Kinds,
    card_kind,
    read_captioner_card,
    read_card,
    read_matcher_card,
    read_part_card,
    read_weights,
)
from models.errors import CheckpointError, UnknownModelError
from models.types import (
    CaptionerCard,
    Card,
    DualEncoder,
    Explainer,
    FeatureNetwork,
    Matcher,
    MatcherCard,
    ModelCard,
    PartCard,
)

if TYPE_CHECKING:
    from torch import Tensor

    from models.captioning.base import Captioner
    from models.matchers.frozen_pass import VectorHead
    from models.runtime.base import RuntimeName

C = TypeVar("C", bound=PartCard)

DEFAULT_MODEL = "semblance-base"
HUGGING_FACE = "hf:"
"""Prefix of the name or folder of a CLIP, SigLIP or SigLIP2 checkpoint."""

EXPLAIN_METHODS = ("grad-cam",)

_WEIGHTS = Path(__file__).parent / "weights"


@cache
def model_cards() -> tuple[ModelCard, ...]:
    """Return the cards of the dual encoders that ship, the default first."""
    return tuple(sorted(_cards("model", read_card), key=lambda card: (card.name != DEFAULT_MODEL, card.name)))


@cache
def matcher_cards() -> tuple[MatcherCard, ...]:
    """Return the cards of the matchers that ship, by name."""
    return tuple(_cards("matcher", read_matcher_card))


@cache
def captioner_cards() -> tuple[CaptionerCard, ...]:
    """Return the cards of the captioners that ship, by name."""
    return tuple(_cards("captioner", read_captioner_card))


@cache
def part_cards() -> tuple[PartCard, ...]:
    """Return the cards of the weights that several models share, by name."""
    return tuple(_cards("part", read_part_card))


def model_card(name: str) -> ModelCard:
    """Return the card of one shipped model.

    Raises:
        UnknownModelError: no such model; the message lists those there are.
    """
    return _named(name, model_cards(), "model", ", and hf:<name or folder> for a CLIP or SigLIP checkpoint")


def matcher_card(name: str) -> MatcherCard:
    """Return the card of one shipped matcher; raises as ``model_card``."""
    return _named(name, matcher_cards(), "matcher")


def captioner_card(name: str) -> CaptionerCard:
    """Return the card of one shipped captioner; raises as ``model_card``."""
    return _named(name, captioner_cards(), "captioner")


def part_card(name: str) -> PartCard:
    """Return the card of shared weights; raises as ``model_card``."""
    return _named(name, part_cards(), "shared weights")


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
            matchers of another encoder, or over a backbone of their own, are passed over.
        runtime: what executes it (see ``models.runtime.base``).
        device: a torch device name; ``auto`` takes a GPU where there is one.
        threads: cap on the runtime's threads; all cores when None.

    Raises:
        UnknownModelError: no such model.
        CheckpointError: its weights are missing, damaged or not of a kind that is supported.
        RuntimeUnavailableError: the runtime is not installed, or torch cannot use the device.
    """
    from models.runtime.device import resolve_device

    options: dict[str, Any] = {"runtime": runtime, "device": resolve_device(device), "threads": threads}
    if name.startswith(HUGGING_FACE):
        from models.dual.huggingface import load_huggingface_encoder

        return load_huggingface_encoder(name, **options)
    card = model_card(name)
    own = [matcher for matcher in map(matcher_card, matchers) if matcher.encoder == name and not matcher.parts]
    heads = [
        (matcher, _architecture(matcher).load_feature_head(matcher, weights_folder(matcher.name))) for matcher in own
    ]
    if heads:
        options["feature_heads"] = heads
    encoder: DualEncoder = _architecture(card).load_encoder(card, weights_folder(name), **options)
    return encoder


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


def load_feature_sources(names: Sequence[str], *, device: str = "auto") -> list[Matcher | FeatureNetwork]:
    """Load what gives the features of matchers: one network for all over the same frozen backbone.

    Args:
        names: of the matchers.
        device: see ``load_encoder``.

    Raises:
        UnknownModelError, CheckpointError, RuntimeUnavailableError: as ``load_encoder``.
    """
    from models.matchers.frozen_pass import backbone_of, load_frozen_pass
    from models.runtime.device import resolve_device

    heads: dict[tuple[str, str], list[tuple[MatcherCard, VectorHead]]] = {}
    sources: list[Matcher | FeatureNetwork] = []
    for card in map(matcher_card, names):
        if card.parts:
            heads.setdefault(backbone_of(card), []).append((card, load_vector_head(card)))
        else:
            sources.append(load_matcher(card.name, device=device))
    return [*sources, *(load_frozen_pass(some, device=resolve_device(device)) for some in heads.values())]


def load_vector_head(card: MatcherCard) -> VectorHead:
    """Load what makes a matcher's features of a frozen backbone's vectors."""
    head: VectorHead = _architecture(card).load_vector_head(card, weights_folder(card.name))
    return head


def load_captioner(
    name: str, *, runtime: RuntimeName = "auto", device: str = "auto", threads: int | None = None
) -> Captioner:
    """Load a captioner; arguments and errors are those of ``load_encoder``."""
    from models.runtime.device import resolve_device

    card = captioner_card(name)
    captioner: Captioner = _architecture(card).load_captioner(
        card, weights_folder(name), runtime=runtime, device=resolve_device(device), threads=threads
    )
    return captioner


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
    card = model_card(name)
    return GradCam(_architecture(card).load_image_tower(card, weights_folder(name)), device=device)


def load_part(name: str, expected_sha256: str | None = None) -> dict[str, Tensor]:
    """Read weights that several models share.

    Args:
        name: of the part.
        expected_sha256: of the part that the model was trained over, from its card.

    Raises:
        UnknownModelError: no such part.
        CheckpointError: missing, damaged, or other than the model expects.
    """
    card = part_card(name)
    if expected_sha256 not in (None, card.weights_sha256):
        raise CheckpointError(
            f"the shared weights {name!r} are not those that the model was trained over; install semblance again"
        )
    return read_weights(weights_folder(name), card)


def weights_folder(name: str) -> Path:
    """Return the folder of shipped weights."""
    return _WEIGHTS / name


def _cards(kind: Kinds, read: Callable[[Path], C]) -> list[C]:
    folders = (path.parent for path in sorted(_WEIGHTS.glob(f"*/{CARD}")))
    return [read(folder) for folder in folders if card_kind(folder) == kind]


def _named(name: str, cards: Sequence[C], what: str, also: str = "") -> C:
    for card in cards:
        if card.name == name:
            return card
    there_are = ", ".join(card.name for card in cards) or "none"
    raise UnknownModelError(f"no {what} named {name!r}; there are: {there_are}{also}")


_PACKAGES = {ModelCard: "dual", MatcherCard: "matchers", CaptionerCard: "captioning"}


def _architecture(card: Card) -> Any:
    """Return the module that loads a model."""
    return import_module(f"models.{_PACKAGES[type(card)]}.{card.architecture}")
