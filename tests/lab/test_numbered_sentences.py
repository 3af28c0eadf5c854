"""Sentences are numbered once, and come in any order, padded to the longest of those asked for."""

import numpy as np
import pytest
import torch

from lab.training.numbered_sentences import NumberedSentences, with_unknown
from models.text.vocabulary import UNKNOWN, Vocabulary


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


def test_words_become_unknown_and_what_is_behind_the_end_stays() -> None:
    torch.manual_seed(0)
    numbers, mask = torch.full((200, 4), 5), torch.tensor([1, 1, 1, 0]).expand(200, 4)
    assert with_unknown(numbers, mask, 0.0) is numbers
    found = with_unknown(numbers, mask, 0.25)
    assert abs((found[:, :3] == UNKNOWN).float().mean().item() - 0.25) < 0.05
    assert (found[:, 3] == 5).all()
