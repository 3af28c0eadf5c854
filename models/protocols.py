"""What models can do: the interfaces between what encodes, scores, writes and explains, and what serves it.

Every implementation is safe to call from several threads. ``prepare`` is the CPU-side step of each (resize), apart so
that it runs in decoding threads; normalisation to the model's numeric range happens inside the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.cards import CaptionerCard, EncoderCard, MatcherCard
from models.types import Features, Pixels, Vectors


class DualEncoder(Protocol):
    """Embeds photographs and sentences on one unit sphere."""

    @property
    def card(self) -> EncoderCard:
        """The model's card."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Turn ``(H, W, 3)`` uint8 of any size into the model's ``(S, S, 3)`` uint8 input."""
        ...

    def encode_images(self, prepared: Pixels) -> Vectors:
        """Embed ``(N, S, S, 3)`` uint8 as ``(N, D)`` unit vectors; N may be 0."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed N sentences as ``(N, D)`` unit vectors; N may be 0."""
        ...


@runtime_checkable
class FeatureEncoder(DualEncoder, Protocol):
    """A dual encoder whose pass over an image also gives the features of matchers, which then cost nothing."""

    @property
    def matchers(self) -> Sequence[MatcherCard]:
        """The matchers whose features it gives."""
        ...

    def encode_images_with_features(self, prepared: Pixels) -> tuple[Vectors, Mapping[str, Features]]:
        """Embed ``(N, S, S, 3)`` uint8; also return the features by the name of their matcher."""
        ...


class Matcher(Protocol):
    """Scores how well a sentence fits images by more than one vector of each.

    It re-orders the best results of a dual encoder. What it needs of an image is computed when the image is indexed.
    """

    @property
    def card(self) -> MatcherCard:
        """The matcher's card."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Turn ``(H, W, 3)`` uint8 of any size into the ``(S, S, 3)`` uint8 that it takes in."""
        ...

    def encode_images(self, prepared: Pixels) -> Features:
        """Return the features of ``(N, S, S, 3)`` uint8, ``(N, *feature_shape)`` float16; N may be 0."""
        ...

    def score(self, text: str, features: Features) -> NDArray[np.float32]:
        """Score one sentence against M images of ``(M, *feature_shape)`` features, ``(M,)``; larger is better."""
        ...

    def score_pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Score S sentences in one pass, each against K images of its own.

        Args:
            texts: the sentences, at least one; those of like length together cost least.
            features: ``(S, K, *feature_shape)``.

        Returns:
            ``(S, K)``; the scores that ``score`` gives, but for rounding.
        """
        ...


@runtime_checkable
class FeatureNetwork(Protocol):
    """One network whose pass over an image gives what several matchers keep of it."""

    @property
    def matchers(self) -> Sequence[MatcherCard]:
        """The matchers, at least one, whose features it gives."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Turn ``(H, W, 3)`` uint8 of any size into the ``(S, S, 3)`` uint8 that it takes in."""
        ...

    def encode_features(self, prepared: Pixels) -> Mapping[str, Features]:
        """Return the features of ``(N, S, S, 3)`` uint8 by the name of their matcher; N may be 0."""
        ...


FeatureSource = Matcher | FeatureNetwork
"""What gives features that no encoder gives: of one matcher, or of several in one pass."""


@dataclass(frozen=True)
class Sentence:
    """A sentence as numbers of a vocabulary.

    Attributes:
        numbers: of its words, without those of its start and its end.
        log_probability: the natural logarithm of its probability; that of its end is in it, unless it was cut at the
            limit of words.
    """

    numbers: tuple[int, ...]
    log_probability: float


class Decoder(Protocol):
    """Takes sentences out of a language model."""

    def decode(self, step: Callable[[Any, Any], tuple[Any, Any]], states: Any) -> list[Sentence]:
        """Write one sentence for each of the N rows of the states; N may be 0.

        Args:
            step: states of R sentences and the last word of each, ``(R,)``, to the log-probabilities of the next word,
                ``(R, V)``, and the new states.
            states: tensors whose first axis is N.
        """
        ...


@dataclass(frozen=True)
class GeneratedCaption:
    """A sentence that a model wrote.

    Attributes:
        words: T words, in lower case.
        log_probability: of the sentence under the model, its end included.
        attention: ``(T, rows, columns)``, where the model looked for each word, each map summing to 1; None where the
            model has no attention.
    """

    words: tuple[str, ...]
    log_probability: float
    attention: NDArray[np.float32] | None = None

    @property
    def text(self) -> str:
        """The words as a sentence."""
        return " ".join(self.words)


class Captioner(Protocol):
    """Writes captions."""

    @property
    def card(self) -> CaptionerCard:
        """The captioner's card."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Turn ``(H, W, 3)`` uint8 of any size into the ``(S, S, 3)`` uint8 that it takes in."""
        ...

    def describe(self, prepared: Pixels, decoder: Decoder) -> list[GeneratedCaption]:
        """Write one caption for each of ``(N, S, S, 3)`` uint8; N may be 0."""
        ...


class Explainer(Protocol):
    """Shows where in a photograph a score comes from."""

    method: str

    def heat_map(self, prepared: Pixels, query: Vectors) -> NDArray[np.float32]:
        """Explain the inner product of one image ``(S, S, 3)`` with one query ``(D,)``.

        Returns ``(rows, columns)`` in 0..1, over what the model sees of the photograph (see
        ``Preprocessing.visible_region``), and so not over the padding of a picture that does not fill
        the square; all zeros where nothing in the image speaks for the query.
        """
        ...


class ModelLibrary(Protocol):
    """Models by name, each loaded once, when it is first asked for.

    Raises (every method):
        UnknownModelError: no model of that name.
        CheckpointError: its weights are missing, damaged or not of a kind that is supported.
        RuntimeUnavailableError: the runtime is not installed, or cannot use the device.
    """

    def encoder(self, name: str, *, matchers: Sequence[str] = ()) -> DualEncoder:
        """Return a dual encoder.

        Args:
            name: of a model.
            matchers: whose features it is to give in the same pass (see ``FeatureEncoder``), as far as they are its
                own: matchers of another encoder, or over a backbone of their own, are passed over.
        """
        ...

    def matcher(self, name: str) -> Matcher:
        """Return a matcher."""
        ...

    def feature_sources(self, names: Sequence[str]) -> Sequence[FeatureSource]:
        """Return what gives the features of matchers: one network for all that share a frozen backbone."""
        ...

    def captioner(self, name: str) -> Captioner:
        """Return a captioner."""
        ...

    def explainer(self, model: str) -> Explainer:
        """Return what explains the scores of a dual encoder."""
        ...
