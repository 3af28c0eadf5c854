"""What runs over images: one pass of an encoder or a matcher, which may give the rows of several logs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from models.cards import MatcherCard, ModelCard
from models.protocols import DualEncoder, FeatureEncoder, FeatureNetwork, Matcher
from models.types import Pixels

FeatureSource = Matcher | FeatureNetwork
"""What gives features that no encoder gives: of one matcher, or of several in one pass."""


@dataclass(frozen=True)
class ImagePass:
    """One network over images.

    Attributes:
        card: of the model that runs.
        gives: names of the models and matchers whose rows come out.
        prepare: turns an image's pixels into the input, ``(S, S, 3)``.
        run: turns ``(N, S, S, 3)`` into N rows for each of ``gives``.
    """

    card: ModelCard
    gives: tuple[str, ...]
    prepare: Callable[[Pixels], Pixels]
    run: Callable[[Pixels], Mapping[str, NDArray[Any]]]

    def serves(self, lacking: Collection[str]) -> bool:
        """Tell whether it gives something of what is lacking."""
        return any(name in lacking for name in self.gives)


def features_given(encoders: Sequence[DualEncoder]) -> dict[str, MatcherCard]:
    """Return, by name, the matchers whose features come with the encoders' vectors."""
    return {card.name: card for encoder in encoders if isinstance(encoder, FeatureEncoder) for card in encoder.matchers}


def cards_of(source: FeatureSource) -> Sequence[MatcherCard]:
    """Return the cards of the matchers whose features it gives."""
    return source.matchers if isinstance(source, FeatureNetwork) else [source.card]


def image_passes(encoders: Sequence[DualEncoder], sources: Sequence[FeatureSource]) -> list[ImagePass]:
    """Return a pass for each encoder, and one for each source of features that no encoder gives."""
    return [*map(_of_encoder, encoders), *map(_of_source, sources)]


def _of_encoder(encoder: DualEncoder) -> ImagePass:
    name = encoder.card.name

    def run(prepared: Pixels) -> Mapping[str, NDArray[Any]]:
        if not isinstance(encoder, FeatureEncoder):
            return {name: encoder.encode_images(prepared)}
        vectors, features = encoder.encode_images_with_features(prepared)
        return {name: vectors, **features}

    return ImagePass(encoder.card, (name, *features_given([encoder])), encoder.prepare, run)


def _of_source(source: FeatureSource) -> ImagePass:
    if isinstance(source, FeatureNetwork):
        names = tuple(card.name for card in source.matchers)
        return ImagePass(source.matchers[0], names, source.prepare, source.encode_features)
    name = source.card.name
    return ImagePass(source.card, (name,), source.prepare, lambda prepared: {name: source.encode_images(prepared)})
