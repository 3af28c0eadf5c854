"""What models can do: the interfaces between what encodes, scores, writes and explains, and what serves it.

Every implementation is safe to call from several threads. ``prepare`` is the CPU-side step of each (resize), apart so
that it runs in decoding threads; normalisation to the model's numeric range happens inside the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.cards import CaptionerCard, EncoderCard, MatcherCard
from models.composition import ComposedQuery
from models.evidence import Evidence, ImageRole, Region
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

    def words_read(self, text: str) -> int | None:
        """Return how many words of a sentence it reads before it is cut, None where it reads all of it."""
        ...


@runtime_checkable
class LeftTextEncoder(DualEncoder, Protocol):
    """A dual encoder that reads a text by what it is, a name or a sentence, and can hold that fixed."""

    def encode_left(self, texts: Sequence[str], like: str) -> Vectors:
        """Embed N texts that are left of another as ``(N, D)``, as if each were as long and of the same kind as that.

        So what a word means is told from what the length of a query does: which head reads it, what class names weigh
        in it, whether it ends as a sentence does and keeps its article.
        """
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
class RegionMatcher(Matcher, Protocol):
    """A matcher whose score is a sum over the regions of a picture."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the regions, which cover what the matcher sees of a picture."""
        ...

    def region_scores(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Return what each region gives to the score of each of S sentences, ``(S, rows, columns)``.

        Args:
            texts: the sentences, at least one.
            features: of one image, ``(*feature_shape)``.
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


DecoderName = Literal["greedy", "beam", "sample"]


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


@dataclass(frozen=True)
class SeenImage:
    """An image as a model sees it.

    Attributes:
        pixels: ``(S, S, 3)`` uint8, prepared.
        region: the part of the photograph that they show (see ``Preprocessing.visible_region``).
    """

    pixels: Pixels
    region: Region


@dataclass(frozen=True)
class Match:
    """A query and one result of it, with all that a method needs to explain the score.

    Attributes:
        query: its terms and the vector that they compose.
        vector: ``(D,)`` of the result, as the index holds it.
        images: as the encoder of these vectors sees them, as far as the method looks at them: the photograph that was
            found, and the one that was searched by (the query's first term), where there is one.
        encode_texts: N sentences to ``(N, D)``, by the same encoder.
        encode_left: N texts that are left of another, and that one, to ``(N, D)`` (see ``LeftTextEncoder``); None where
            the encoder reads all texts alike.
        matcher: that re-ranked the result by the sentence of the first term; None where none did.
        features: of the result by the name of the matcher, ``(*feature_shape)`` each: of every matcher of this encoder
            that the collection holds features for, whether it re-ranked or not.
    """

    query: ComposedQuery
    vector: Vectors
    images: Mapping[ImageRole, SeenImage]
    encode_texts: Callable[[Sequence[str]], Vectors]
    matcher: Matcher | None = None
    features: Mapping[str, Features] = field(default_factory=dict)
    encode_left: Callable[[Sequence[str], str], Vectors] | None = None


class Explainer(Protocol):
    """Explains the scores of one model's results by one method."""

    @property
    def looks_at(self) -> AbstractSet[ImageRole]:
        """The images of a match that it needs; the others are neither read nor decoded."""
        ...

    def explain(self, match: Match) -> Evidence:
        """Show where the score of a match comes from.

        A map covers what the model sees of the photograph, and so not the padding of a picture that does not fill the
        square.
        """
        ...


class ModelLibrary(Protocol):
    """Models by name, each loaded once, when it is first asked for.

    Raises (every method):
        UnknownModelError: no model of that name.
        CheckpointError: its weights are missing, damaged or not of a kind that is supported.
        RuntimeUnavailableError: the runtime is not installed, or cannot use the device.
    """

    def encoder(self, name: str, *, matchers: Sequence[str] = (), in_caller: bool = False) -> DualEncoder:
        """Return a dual encoder.

        Args:
            name: of a model.
            matchers: whose features it is to give in the same pass (see ``FeatureEncoder``), as far as they are its
                own: matchers of another encoder, or over a backbone of their own, are passed over.
            in_caller: it is to run in the thread that calls it, alone and at that thread's priority, where the runtime
                can do that; its weights are then loaded beside those of the one that does not.
        """
        ...

    def matcher(self, name: str) -> Matcher:
        """Return a matcher."""
        ...

    def matcher_card(self, name: str) -> MatcherCard:
        """Return the card of a matcher, which need not be loaded for it."""
        ...

    def feature_sources(self, names: Sequence[str]) -> Sequence[FeatureSource]:
        """Return what gives the features of matchers: one network for all that share a frozen backbone."""
        ...

    def captioner(self, name: str) -> Captioner:
        """Return a captioner."""
        ...

    def explain_methods(self, model: str, *, sentence: bool = True) -> Sequence[str]:
        """Return the names of the methods that fit a dual encoder, the one to prefer first; loads nothing.

        Args:
            model: name of the encoder.
            sentence: whether the query begins with a sentence: some methods explain nothing else.
        """
        ...

    def explainer(self, model: str, method: str) -> Explainer:
        """Return what explains the scores of a dual encoder by one of ``explain_methods``.

        Raises:
            ExplainMethodError: the method does not fit the model, or there is none of that name.
        """
        ...
