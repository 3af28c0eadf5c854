"""Captions become stems, stems become tf-idf vectors, as a slow oracle says."""

import math
from collections import Counter

import numpy as np
import pytest

from lab.evaluation.frequent_words import frequent_words
from lab.evaluation.tfidf import StemTfidf
from models.errors import InputError
from models.text.stems import content_words, stems

SET = [
    ["Two dogs are running on the beach .", "A dog runs"],
    ["A girl is climbing stairs", "the girl climbs"],
    ["A man and his dog on a bench"],
]


def _slow_tfidf(fitted: list[list[str]], document: list[str]) -> dict[str, float]:
    bags = [[stem for caption in captions for stem in stems(caption)] for captions in fitted]
    weights = {}
    for stem, count in Counter(stem for caption in document for stem in stems(caption)).items():
        having = sum(stem in bag for bag in bags)
        if having:
            weights[stem] = count * (math.log((1 + len(fitted)) / (1 + having)) + 1)
    length = math.sqrt(sum(weight**2 for weight in weights.values()))
    return {stem: weight / length for stem, weight in weights.items()}


def test_words_are_stemmed_without_stop_words_digits_and_stray_letters() -> None:
    caption = "Two dogs are running in a man's garden , 3 of them on the girl 's T-shirt"
    assert stems(caption) == ["two", "dog", "run", "man", "garden", "girl", "shirt"]
    assert stems("the man\N{RIGHT SINGLE QUOTATION MARK}s dog isn't here") == ["man", "dog"]
    assert content_words("Fire and two crying girls in front") == ["fire", "two", "crying", "girls", "front"]


@pytest.mark.parametrize("document", [SET[0], SET[2], ["dogs, girls and a bench", "unheard-of zebras"]])
def test_vectors_agree_with_the_oracle(document: list[str]) -> None:
    tfidf = StemTfidf().fit(SET)
    (row,) = tfidf.transform([document]).toarray()
    found = {stem: value for stem, value in zip(tfidf.vocabulary, row, strict=True) if value}
    assert found == pytest.approx(_slow_tfidf(SET, document), abs=1e-6)


def test_vectors_are_unit_length_float32_or_zero_where_no_word_is_known() -> None:
    vectors = StemTfidf().fit(SET).transform([*SET, ["zebra"], ["of the"]])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors.toarray(), axis=1), [1, 1, 1, 0, 0], atol=1e-6)


def test_a_set_without_content_words_is_refused() -> None:
    with pytest.raises(InputError, match="none of 2 documents"):
        StemTfidf().fit([["of the"], ["and so on"]])


def test_frequent_words_are_counted_by_caption_and_stand_for_their_stem() -> None:
    words = frequent_words([*SET, ["Dogs on dogs on dogs on dogs"]], 2)
    assert words.texts == ("dogs", "running")  # in 4 captions, and of 2 stems in 2 captions the first to be met
    assert words.present.tolist() == [[True, True], [False, False], [True, False], [True, False]]
    assert len(frequent_words(SET, 200).texts) == len(StemTfidf().fit(SET).vocabulary)
