r"""Excitation back-propagation through ``lstm-similarity``: by which words and places it found them alike.

The method of an untitled report on LSTM image-sentence similarity (Zhang et al. 2016; for recurrent networks Bargal et
al. 2018). The probability of the similarity's unit goes back through the LSTM to the words and to the image, which is
read first, and through the image's fully connected layers to the places of the feature map (see ``excitation_rules``,
``excitation_lstm``).

Followed layer by layer to the feature map, it has forgotten the query: a unit of a dense layer is excited by half of
all units below it, whichever it is. Two things mend that as far as can be (``docs/explanations.md`` has the figures).
The image's layers, their ReLUs as they stand, are one linear map for one picture, so that what a *place* adds to a unit
of the LSTM is known, and the places are who excites it: one step, not four. And the contrastive form: the map is less
that of the dual unit, which has the negated weights, both as shares of what came to the image; else the two differ by
how much of the probability the words have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import read_arrays
from models.errors import QueryError
from models.evidence import Evidence, EvidenceMap, ImageRole, TermWords, WordSaliency
from models.explain.breakdown import breakdown
from models.explain.excitation_lstm import LstmWeights, Step, back, run
from models.explain.excitation_rules import Array, Handed, through_layer
from models.explain.source import ExplainerSource
from models.explain.words import WORD
from models.inference.graph import Graph
from models.inference.runner import Runner
from models.matchers.frozen_pass import backbone_of
from models.matchers.word_scorer import MAX_WORDS
from models.protocols import Match
from models.shipped import matcher_card, weights_folder
from models.text.shipped_vocabulary import WORD_VECTORS, load_word_matrix
from models.text.vocabulary import Vocabulary, split_words

MATCHER = "lstm-similarity"


class Found(NamedTuple):
    """What the probability of the similarity came to.

    Attributes:
        words: of each word, ``(T,)``.
        places: ``(P,)``, of each place.
        lost: of units that only their bias excites.
    """

    words: Array
    places: Array
    lost: float


class Reading(NamedTuple):
    """What the network made of a sentence and a picture.

    Attributes:
        places: what each place adds to the standardised features, ``(C, P)``.
        hidden: units of the image's hidden layer.
        steps: of the LSTM, the image's first.
        output: its last.
        logit: of the similarity.
    """

    places: Array
    hidden: Array
    steps: list[Step]
    output: Array
    logit: float


class SimilarityNetwork:
    """``lstm-similarity`` in numpy, whose steps can be followed back.

    Args:
        arrays: its weights by their names.
        words: vectors of the vocabulary's numbers, ``(V, D)``, as the network scales them.
    """

    def __init__(self, arrays: dict[str, NDArray[np.float32]], words: NDArray[np.float32]) -> None:
        def of(name: str) -> Array:
            return arrays[name].astype(np.float64)

        self.lstm = LstmWeights(
            of("lstm.from_input.weight"), of("lstm.from_state.weight"), of("lstm.from_input.bias"),
            of("output.weight")[0],
        )  # fmt: skip
        self._mean, self._std = of("image_vector.mean")[:, None], of("image_vector.std")[:, None]
        self._in, self._out = of("image_vector.layers.0.weight"), of("image_vector.layers.3.weight")
        self._in_bias, self._out_bias = of("image_vector.layers.0.bias"), of("image_vector.layers.3.bias")
        self._output_bias, self._words = float(arrays["output.bias"][0]), words

    @property
    def channels(self) -> int:
        """C, of the feature maps that it takes."""
        return len(self._mean)

    def read(self, numbers: NDArray[np.int64], feature_map: NDArray[np.float32]) -> Reading:
        """Run on the numbers of a sentence's words ``(T,)`` and a feature map ``(C, P)``."""
        places = (feature_map.astype(np.float64) - self._mean) / self._std / feature_map.shape[1]
        hidden = (self._in @ places.sum(axis=1) + self._in_bias).clip(min=0)
        image = self._out @ hidden + self._out_bias
        steps, output = run(self.lstm, [image, *self._words[numbers].astype(np.float64)])
        return Reading(places, hidden, steps, output, float(self.lstm.read @ output) + self._output_bias)

    def follow(self, reading: Reading, *, dual: bool, at_once: bool = True) -> Found | None:
        """Follow the probability of the similarity back.

        Args:
            reading: what was read.
            dual: of the dual unit.
            at_once: through the image's layers as the one map that they are, else layer by layer.

        Returns:
            None where nothing excites the unit.
        """
        found = back(self.lstm, reading.steps, reading.output, dual=dual)
        if found is None:
            return None
        places, lost = self._at_once(found.first, reading) if at_once else self._by_layer(found.first, reading)
        return Found(found.others.sum(axis=1), places, found.lost + lost)

    def _at_once(self, first: Array, reading: Reading) -> Handed:
        """Hand the probability of the first step's units ``(H,)`` down to the places that add to them."""
        vectors = self._out @ ((self._in @ reading.places) * (reading.hidden > 0)[:, None])
        return through_layer(first, self._of_new @ vectors)

    def _by_layer(self, first: Array, reading: Reading) -> Handed:
        """Hand it down to the image's vector, the hidden layer, the features and the places, one after another."""
        image, pooled = reading.steps[0].given, reading.places.sum(axis=1)
        below, lost = first, 0.0
        for contributions in (
            self._of_new * image,
            np.sign(image)[:, None] * self._out * reading.hidden,
            self._in * pooled,
            np.sign(pooled)[:, None] * reading.places,
        ):
            below, unexcited = through_layer(below, contributions)
            lost += unexcited
        return Handed(below, lost)

    @property
    def _of_new(self) -> Array:
        return self.lstm.of_input[3 * self.lstm.hidden :]


class Excitation:
    """The ``Explainer`` of the similarity of a query's sentence and the result.

    Values are probability: of a word, what came to it; of a place, its share of what came to the image, less its share
    of what came there from the dual unit.

    Args:
        network: whose similarity it is.
        feature_maps: ``(1, S, S, 3)`` uint8 to the backbone's map, ``(1, C * P)``.
        vocabulary: numbers the words.
    """

    looks_at = frozenset[ImageRole]({"result"})

    def __init__(self, network: SimilarityNetwork, feature_maps: Runner, vocabulary: Vocabulary) -> None:
        self._network, self._feature_maps, self._vocabulary = network, feature_maps, vocabulary

    def explain(self, match: Match) -> Evidence:
        """See ``Explainer``.

        Raises:
            QueryError: the query has no sentence.
        """
        term, image = match.query.terms[0], match.images["result"]
        pieces = split_words(term.text or "")[: MAX_WORDS["lstm_similarity"]]
        if not term.text or not pieces:
            raise QueryError("The method 'excitation' explains a sentence, and the query has none.")
        numbers = np.array([self._vocabulary.number(piece) for piece in pieces])
        feature_map = self._feature_maps(image.pixels[None]).reshape(self._network.channels, -1)
        reading = self._network.read(numbers, feature_map)
        found, against = (self._network.follow(reading, dual=dual) for dual in (False, True))
        side = math.isqrt(feature_map.shape[1])
        values = (shares(found, side**2) - shares(against, side**2)).reshape(side, side).astype(np.float32)
        maps = (EvidenceMap(values, image.region),)
        of_words = np.zeros(len(pieces)) if found is None else found.words
        words = TermWords(term.label, tuple(words_of(term.text, pieces, of_words)))
        return Evidence(maps, max(0.0, float(values.max())), (words,), breakdown(match), of_matcher=MATCHER)


def shares(found: Found | None, places: int) -> Array:
    """Return each place's share of what came to the image, ``(places,)``; zeros where nothing did."""
    if found is None or (total := float(found.places.sum())) <= 0:
        return np.zeros(places)
    return found.places / total


def words_of(text: str, pieces: list[str], values: Array) -> list[WordSaliency]:
    """Merge what pieces of a text have, ``(T,)``, to its words; a word that was not read has 0."""
    words, at = [], 0
    for word in WORD.finditer(text):
        own = split_words(word.group())
        starts = [start for start in range(at, len(pieces)) if pieces[start : start + len(own)] == own]
        end = starts[0] + len(own) if own and starts else at
        value = float(values[starts[0] : end].sum()) if end > at else 0.0
        words.append(WordSaliency(word.group(), word.start(), word.end(), value))
        at = end
    return words


def load_network() -> tuple[SimilarityNetwork, Vocabulary]:
    """Load the network that ships, and what numbers its words.

    Raises:
        CheckpointError: weights are missing or damaged.
    """
    card = matcher_card(MATCHER)
    vocabulary, vectors = load_word_matrix(card.parts[WORD_VECTORS])
    arrays = read_arrays(weights_folder(MATCHER), card)
    return SimilarityNetwork(arrays, vectors / vectors.std(ddof=1)), vocabulary


def load_explainer(source: ExplainerSource) -> Excitation:
    """Load the network in numpy, and compile its backbone; raises as ``load_network``."""
    name, sha256 = backbone_of(matcher_card(MATCHER))
    network, vocabulary = load_network()
    runner = source.compiler.runner(f"{name}.map", [sha256], _graph(source, name, sha256))
    return Excitation(network, runner, vocabulary)


def _graph(source: ExplainerSource, name: str, sha256: str) -> Callable[[], Graph]:
    def build() -> Graph:
        from models.backbones.frozen import map_graph

        return map_graph(source.load_backbone(name, sha256))

    return build
