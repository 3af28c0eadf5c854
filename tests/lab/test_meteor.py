"""METEOR against counts by hand and every possible alignment."""

import itertools
import random

import pytest

from lab.metrics.meteor import meteor
from models.text.stems import stem


def test_a_sentence_agrees_fully_with_itself_but_for_its_one_chunk():
    assert meteor("a dog runs on grass", ["a dog runs on grass"]) == pytest.approx(1 - 0.5 * (1 / 5) ** 3)


def test_a_score_is_as_counted_by_hand():
    # links: the, cat, sat (on is missing); chunks "the cat", "sat"; P = 3 / 3, R = 3 / 4
    mean = 1.0 * 0.75 / (0.9 * 1.0 + 0.1 * 0.75)
    assert meteor("sat the cat", ["the cat on sat"]) == pytest.approx(mean * (1 - 0.5 * (2 / 3) ** 3))


def test_words_of_one_stem_are_linked():
    assert meteor("dogs running", ["dog runs"]) == meteor("dog runs", ["dog runs"])
    assert meteor("dogs running", ["cat sleeps"]) == 0.0


def test_case_and_punctuation_do_not_count():
    assert meteor("A dog, running!", ["a dog running ."]) == meteor("a dog running", ["a dog running"])


def test_the_best_reference_counts():
    assert meteor("a dog", ["a cat", "a dog"]) == meteor("a dog", ["a dog"])


@pytest.mark.parametrize(("hypothesis", "references"), [("", ["a dog"]), ("a dog", [""]), ("a dog", []), ("", [""])])
def test_nothing_agrees_with_nothing(hypothesis, references):
    assert meteor(hypothesis, references) == 0.0


def test_of_all_alignments_the_one_with_the_fewest_chunks_is_taken():
    draw = random.Random(3)
    words = ["a", "a", "dog", "dogs", "runs", "running", "run", "the"]
    for _ in range(150):
        hypothesis, reference = ([draw.choice(words) for _ in range(draw.randint(1, 5))] for _ in range(2))
        assert meteor(" ".join(hypothesis), [" ".join(reference)]) == pytest.approx(slow_meteor(hypothesis, reference))


def slow_meteor(hypothesis: list[str], reference: list[str]) -> float:
    """Try every one-to-one linking."""
    best = (0, 0, 0)
    places = [None, *range(len(reference))]
    for links in itertools.product(places, repeat=len(hypothesis)):
        taken = [place for place in links if place is not None]
        if len(set(taken)) < len(taken):
            continue
        pairs = [(own, place) for own, place in enumerate(links) if place is not None]
        if any(stem(hypothesis[own]) != stem(reference[place]) for own, place in pairs):
            continue
        equal = sum(hypothesis[own] == reference[place] for own, place in pairs)
        chunks = sum((own - 1, place - 1) not in pairs for own, place in pairs)
        best = max(best, (equal, len(pairs), -chunks))
    _, matches, chunks = best
    if not matches:
        return 0.0
    precision, recall = matches / len(hypothesis), matches / len(reference)
    mean = 10 * precision * recall / (recall + 9 * precision)
    return mean * (1 - 0.5 * (-chunks / matches) ** 3)
