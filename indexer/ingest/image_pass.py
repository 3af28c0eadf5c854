"""What runs over images: a description that can be given to another process, and the worker that it becomes there.

One pass of a network may give the rows of several logs: an encoder's vectors and the features of matchers with them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from models.cards import EncoderCard, MatcherCard, ModelCard
from models.inference.execution import Execution
from models.protocols import DualEncoder, FeatureEncoder, FeatureNetwork, FeatureSource, ModelLibrary
from models.types import Pixels


@dataclass(frozen=True)
class ImagePass:
    """A pass over images by the names of its models; it can be pickled.

    Attributes:
        encoder: the dual encoder that runs, or None where a network gives matchers' features alone.
        matchers: those whose features come out of the pass.
        execution: how models run: a process that has no library makes one like this.
    """

    encoder: str | None
    matchers: tuple[str, ...]
    execution: Execution

    def load(self, library: ModelLibrary) -> PassWorker:
        """Load what runs; raises as ``ModelLibrary``."""
        if self.encoder is not None:
            return _of_encoder(library.encoder(self.encoder, matchers=self.matchers))
        (source,) = library.feature_sources(self.matchers)
        return _of_source(source)


@dataclass(frozen=True)
class PassWorker:
    """Runs one pass; safe in many threads.

    Attributes:
        card: of the model that runs.
        encoder: the dual encoder that runs, or None.
        matchers: the cards of those whose features come out.
        prepare: turns an image's pixels into the input, ``(S, S, 3)``.
        run: turns ``(N, S, S, 3)`` into N rows for each of ``gives``, by name.
    """

    card: ModelCard
    encoder: DualEncoder | None
    matchers: tuple[MatcherCard, ...]
    prepare: Callable[[Pixels], Pixels]
    run: Callable[[Pixels], Mapping[str, NDArray[Any]]]

    @property
    def gives(self) -> tuple[EncoderCard | MatcherCard, ...]:
        """The models and matchers whose rows come out."""
        return (*([self.encoder.card] if self.encoder else []), *self.matchers)

    def serves(self, lacking: Collection[str]) -> bool:
        """Tell whether it gives something of what is lacking."""
        return any(card.name in lacking for card in self.gives)


def plan_passes(
    models: Sequence[str], matchers: Sequence[str], library: ModelLibrary, execution: Execution
) -> list[ImagePass]:
    """Return a pass for each model, and one for each network whose features none of the models gives along.

    Args:
        models: names, the collection's own choice first.
        matchers: names of those whose features are wanted.
        library: holds them all; raises as its methods do.
        execution: of every pass.
    """
    encoders = [library.encoder(name, matchers=matchers) for name in models]
    passes = [
        ImagePass(name, _names(_given(encoder)), execution) for name, encoder in zip(models, encoders, strict=True)
    ]
    given = {name for one in passes for name in one.matchers}
    apart = library.feature_sources([name for name in matchers if name not in given])
    return [*passes, *(ImagePass(None, _names(_cards_of(source)), execution) for source in apart)]


def _of_encoder(encoder: DualEncoder) -> PassWorker:
    name = encoder.card.name

    def run(prepared: Pixels) -> Mapping[str, NDArray[Any]]:
        if not isinstance(encoder, FeatureEncoder):
            return {name: encoder.encode_images(prepared)}
        vectors, features = encoder.encode_images_with_features(prepared)
        return {name: vectors, **features}

    return PassWorker(encoder.card, encoder, tuple(_given(encoder)), encoder.prepare, run)


def _of_source(source: FeatureSource) -> PassWorker:
    cards = tuple(_cards_of(source))
    if isinstance(source, FeatureNetwork):
        return PassWorker(cards[0], None, cards, source.prepare, source.encode_features)
    name = source.card.name
    return PassWorker(cards[0], None, cards, source.prepare, lambda prepared: {name: source.encode_images(prepared)})


def _given(encoder: DualEncoder) -> Sequence[MatcherCard]:
    """Return the matchers whose features come with an encoder's vectors."""
    return encoder.matchers if isinstance(encoder, FeatureEncoder) else []


def _cards_of(source: FeatureSource) -> Sequence[MatcherCard]:
    """Return the matchers whose features a network gives."""
    return source.matchers if isinstance(source, FeatureNetwork) else [source.card]


def _names(cards: Sequence[MatcherCard]) -> tuple[str, ...]:
    return tuple(card.name for card in cards)
