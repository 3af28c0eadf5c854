"""A matcher small enough to compute by hand: each colour word of a sentence meets the quarter that is most like it."""

from collections.abc import Mapping, Sequence

import numpy as np
from toy_encoder import WORDS, ToyEncoder

from models.cards import MatcherCard
from models.types import Features, Pixels, Vectors

NAME = "toy-matcher"
WEIGHT = 0.5


def toy_card(name: str = NAME, encoder: str = "toy", weights_sha256: str = "a" * 64) -> MatcherCard:
    return MatcherCard(
        name=name,
        description="colours of the four quarters",
        preprocessing=ToyEncoder().card.preprocessing,
        weights_sha256=weights_sha256,
        weights_bytes=0,
        licence="Apache-2.0",
        architecture="toy",
        encoder=encoder,
        feature_shape=(4, 3),
        weight=WEIGHT,
    )


def quarters(prepared: Pixels) -> Features:
    """Return the direction of the mean colour of each quarter, ``(N, 4, 3)``: the upper two, then the lower two."""
    half = prepared.shape[1] // 2
    cut = [prepared[:, y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    colours = np.stack([part.reshape(len(part), -1, 3).mean(axis=1) for part in cut], axis=1)
    lengths = np.linalg.norm(colours, axis=2, keepdims=True)
    return (colours / np.maximum(lengths, 1e-9)).astype(np.float16)


class ToyMatcher:
    """Mean over a sentence's colour words of the largest cosine with any quarter; a real ``Matcher``.

    Where ``ToyEncoder`` takes a picture half red and half blue for magenta, it sees both colours.
    """

    def __init__(self, name: str = NAME, **card: str) -> None:
        self.card = toy_card(name, **card)
        self.images_encoded = 0
        self.scored: list[str] = []

    def prepare(self, pixels: Pixels) -> Pixels:
        return ToyEncoder().prepare(pixels)

    def encode_images(self, prepared: Pixels) -> Features:
        self.images_encoded += len(prepared)
        return quarters(prepared)

    def score(self, text: str, features: Features) -> np.ndarray:
        self.scored.append(text)
        colours = np.array([WORDS[word] for word in text.lower().split() if word in WORDS], float).reshape(-1, 3)
        if not len(colours):
            return np.zeros(len(features), np.float32)
        colours /= np.linalg.norm(colours, axis=1, keepdims=True)
        return np.einsum("wc,mqc->mwq", colours, features.astype(float)).max(axis=2).mean(axis=1).astype(np.float32)

    @property
    def grid(self) -> tuple[int, int]:
        return 2, 2

    def region_scores(self, texts: Sequence[str], features: Features) -> np.ndarray:
        """Give each colour word's part of the score to the quarter that is most like it, ``(S, 2, 2)``."""
        found = np.zeros((len(texts), 4), np.float32)
        for given, text in zip(found, texts, strict=True):
            colours = [WORDS[word] for word in text.lower().split() if word in WORDS]
            for colour in colours:
                cosines = features.astype(float) @ colour / np.linalg.norm(colour)
                given[cosines.argmax()] += cosines.max() / len(colours)
        return found.reshape(-1, 2, 2)

    def score_pairs(self, texts: Sequence[str], features: Features) -> np.ndarray:
        return np.stack([self.score(text, own) for text, own in zip(texts, features, strict=True)])


class ToyFeatureEncoder(ToyEncoder):
    """The toy encoder, giving the toy matcher's features in the same pass; a real ``FeatureEncoder``."""

    def __init__(self, name: str = "toy") -> None:
        super().__init__(name)
        self.matchers = (toy_card(encoder=name),)

    def encode_images_with_features(self, prepared: Pixels) -> tuple[Vectors, Mapping[str, Features]]:
        return self.encode_images(prepared), {self.matchers[0].name: quarters(prepared)}


class ToyNetwork:
    """Gives the features of several toy matchers in one pass; a real ``FeatureNetwork``."""

    def __init__(self, *names: str) -> None:
        self.matchers = [toy_card(name) for name in names]
        self.images_encoded = 0

    def prepare(self, pixels: Pixels) -> Pixels:
        return ToyEncoder().prepare(pixels)

    def encode_features(self, prepared: Pixels) -> Mapping[str, Features]:
        self.images_encoded += len(prepared)
        return {card.name: quarters(prepared) * np.float16(1 + place) for place, card in enumerate(self.matchers)}
