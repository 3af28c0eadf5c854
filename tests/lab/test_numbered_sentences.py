"""Sentences are numbered once, and come in any order, padded to the longest of those asked for."""

import numpy as np
import pytest

from lab.training.numbered_sentences import NumberedSentences
from models.text.vocabulary import Vocabulary


@pytest.fixture
def sentences() -> NumberedSentences:
    return NumberedSentences(Vocabulary(["a", "dog", "runs"]), ["a dog runs", "", "dog"], 2, "cpu")


def test_some_are_padded_to_the_longest_of_them(sentences: NumberedSentences) -> None:
    assert len(sentences) == 3
    numbers, mask = sentences[np.array([2, 1])]
    assert (numbers.tolist(), mask.tolist()) == ([[5], [0]], [[1], [0]])
    numbers, mask = sentences[np.array([0])]
    assert (numbers.tolist(), mask.tolist()) == ([[4, 5]], [[1, 1]])
    assert sentences[np.array([1])][0].tolist() == [[0]]


def test_like_lengths_come_together(sentences: NumberedSentences) -> None:
    assert [rows.tolist() for rows in sentences.by_length(2)] == [[1, 2], [0]]
