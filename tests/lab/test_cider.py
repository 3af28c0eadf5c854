"""CIDEr-D against counts by hand and plain loops."""

import math
from collections import Counter

import pytest

from lab.metrics.cider import CiderD


def test_one_word_captions_are_as_counted_by_hand():
    # two images; "dog" is in the references of one: idf = log 2; "a" in both: idf = 0
    cider = CiderD([[["dog"]], [["a", "cat"]]])
    # only n = 1 exists: cosine 1, of four orders
    assert cider.scores([["dog"], ["bird"]]) == pytest.approx([10 / 4, 0])


def test_a_repeated_word_is_clipped():
    cider = CiderD([[["dog", "cat"]], [["bird"]]])
    idf = math.log(2)
    clipped = min(2 * idf, idf) * idf / (2 * idf * math.sqrt(2) * idf)
    assert cider.scores([["dog", "dog"], ["bird"]])[0] == pytest.approx(10 * clipped / 4)


def test_another_length_costs():
    cider = CiderD([[["dog", "a"]], [["a"]]])
    # n = 1: "dog" alone weighs; n = 2: "dog a" agrees, "a a" is in no reference and weighs the same
    orders = 1 + 1 / math.sqrt(2)
    assert cider.scores([["dog", "a", "a"], ["a"]])[0] == pytest.approx(10 / 4 * orders * math.exp(-1 / 72))


def test_words_that_all_images_share_score_nothing():
    assert CiderD([[["a", "dog"]], [["a", "dog"]]]).mean([["a", "dog"], ["a", "dog"]]) == 0.0


def test_an_empty_caption_scores_nothing():
    assert CiderD([[["a", "dog"]], [["a", "cat"]]]).scores([[], ["a", "cat"]])[0] == 0.0


def test_it_agrees_with_plain_loops():
    references = [
        [words_of("a dog runs on the green grass"), words_of("the brown dog is running on grass")],
        [words_of("a man rides a bike on a road"), words_of("a cyclist rides on the road"), words_of("man on bike")],
        [words_of("two dogs play on the grass")],
    ]
    captions = [
        words_of("a dog runs on grass grass"),
        words_of("a man on a bike"),
        words_of("two dogs run on the road"),
    ]
    expected = [slow_cider(caption, own, references) for caption, own in zip(captions, references, strict=True)]
    assert CiderD(references).scores(captions) == pytest.approx(expected)


def slow_cider(caption, own, all_references):
    def counts(words, n):
        return Counter(" ".join(words[start : start + n]) for start in range(len(words) - n + 1))

    def idf(gram, n):
        images = sum(any(gram in counts(words, n) for words in references) for references in all_references)
        return math.log(len(all_references)) - math.log(max(1, images))

    total = 0.0
    for n in (1, 2, 3, 4):
        for reference in own:
            mine = {gram: count * idf(gram, n) for gram, count in counts(caption, n).items()}
            theirs = {gram: count * idf(gram, n) for gram, count in counts(reference, n).items()}
            norm = math.sqrt(sum(w * w for w in mine.values()) * sum(w * w for w in theirs.values()))
            dot = sum(min(mine[gram], theirs.get(gram, 0)) * theirs.get(gram, 0) for gram in mine)
            penalty = math.exp(-((len(caption) - len(reference)) ** 2) / (2 * 6**2))
            total += penalty * dot / norm / len(own) / 4 if norm else 0
    return 10 * total


def words_of(text):
    return text.split()
