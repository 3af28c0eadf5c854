"""Why an image found a caption: the mirror of why a sentence found an image, in units of the composed score."""

from dataclasses import replace

import numpy as np
import pytest
from toy_encoder import ToyEncoder
from toy_match import EVERYWHERE, toy_match

from models.composition import Term
from models.evidence import Evidence, EvidenceMap, ImageRole
from models.explain.breakdown import breakdown
from models.explain.captions import explain_caption
from models.explain.words import word_saliency
from models.protocols import Match, SeenImage
from models.types import Pixels

RED = np.full((8, 8, 3), (255, 0, 0), np.uint8)
ENCODER = ToyEncoder()


class Shared:
    """Shares the vector of an image out among four places evenly; the baseline is 0.1."""

    looks_at = frozenset[ImageRole]({"result", "query"})

    def explain(self, match: Match) -> Evidence:
        assert set(match.images) == {"result"}
        image = ENCODER.encode_images(match.images["result"].pixels[np.newaxis])
        places = np.repeat(image / 4, 4, axis=0)
        values = (places @ match.query.vector).reshape(2, 2) - np.float32(0.1 / 4)
        words = word_saliency(match, (), places, (2, 2))
        return Evidence((EvidenceMap(values, EVERYWHERE),), float(values.max()), words, breakdown(match), baseline=0.1)


def match_of(pixels: Pixels | None, caption: str, *modifiers: Term) -> Match:
    vector = ENCODER.encode_texts([caption])[0]
    if pixels is None:
        source = Term("red", ENCODER.encode_texts(["red"])[0], 1.0, "red")
    else:
        source = Term("image", ENCODER.encode_images(pixels[np.newaxis])[0])
    match = toy_match([source, *modifiers], vector, None, ENCODER.encode_texts)
    return match if pixels is None else replace(match, images={"query": SeenImage(pixels, EVERYWHERE)})


def minus(word: str) -> Term:
    return Term(f"-{word}", ENCODER.encode_texts([word])[0], -0.5, word)


def test_the_map_on_the_query_s_image_adds_up_to_the_image_s_part_of_the_score() -> None:
    match = match_of(RED, "red blue", minus("green"))
    found = explain_caption(match, "red blue", Shared)
    assert found.image == "query"
    part = 1 / np.linalg.norm(match.query.terms[0].vector - 0.5 * match.query.terms[1].vector)
    of_image = dict(found.contributions)["image"]
    assert found.whole("query").values.sum() == pytest.approx(of_image - 0.1 * part, abs=1e-5)
    assert found.rest == pytest.approx(0, abs=1e-5)
    assert found.contributions == breakdown(match)


def test_the_words_are_those_of_the_query_and_those_of_the_caption() -> None:
    match = match_of(RED, "red blue", minus("green"))
    of_query, of_caption = explain_caption(match, "red blue", Shared).words
    assert (of_query.label, of_query.of, of_caption.label, of_caption.of) == ("-green", "query", "red blue", "result")
    red, blue = of_caption.words
    encoded = ENCODER.encode_texts(["red blue", "blue", "red"])
    scores = encoded @ match.query.vector
    assert red.value == pytest.approx(float(scores[0] - scores[1]), abs=1e-6)
    assert blue.value == pytest.approx(float(scores[0] - scores[2]), abs=1e-6)
    assert red.values is not None
    assert red.values.shape == (2, 2)


def test_without_an_image_no_method_is_loaded_and_there_is_no_map() -> None:
    def load() -> Shared:
        raise AssertionError

    match = match_of(None, "red blue")
    found = explain_caption(match, "red blue", load)
    assert (found.maps, found.image, found.rest, found.silent) == ((), None, None, False)
    assert [term.of for term in found.words] == ["query", "result"]
    assert found.score == pytest.approx(float(match.vector @ match.query.vector), abs=1e-6)
