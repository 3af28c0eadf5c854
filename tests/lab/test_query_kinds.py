"""Queries of each kind are made of what captions say."""

import numpy as np

from lab.evaluation.query_kinds import KINDS, find_nouns, make_queries, shown_nouns

CAPTIONS = [
    ["A dog sleeps on a couch.", "A brown dog is on the couch", "A dog on the couch ."],
    ["A cat sits on a chair.", "A brown dog and a cat on a chair", "A cat is on a chair ."],
    ["A fire hydrant is by a street", "A red fire hydrant on the street .", "A fire on a street near a hydrant ."],
    ["A dog runs across the street", "A brown dog in the street", "The dog in the street", "A group of dogs is here ."],
]  # fmt: skip
NOUNS = find_nouns([caption for own in CAPTIONS for caption in own])


def test_nouns_are_told_from_adjectives_verbs_and_words_of_amount() -> None:
    assert {"dog", "couch", "cat", "chair", "street"} == NOUNS


def test_a_picture_shows_the_nouns_that_most_of_its_captions_have() -> None:
    assert shown_nouns(CAPTIONS[0], NOUNS) == {"dog", "couch"}
    assert shown_nouns(CAPTIONS[1], NOUNS) == {"cat", "chair"}


def test_every_kind_is_made_of_its_own_picture_and_none_twice() -> None:
    queries = make_queries(CAPTIONS, [0, 1, 3], 10, np.random.default_rng(0))
    made = {kind: {query.text: query.image for query in queries if query.kind == kind} for kind in KINDS}
    assert sum(map(len, made.values())) == len(queries)
    assert set(made["noun"]) <= {"dog", "couch", "cat", "chair", "street"}
    assert set(made["phrase"]) <= {"brown dog", "a brown dog"}
    assert made["phrase"]
    assert set(made["nouns"]) <= {"dog couch", "couch dog", "cat chair", "chair cat", "dog street", "street dog"}
    assert {"dog on the couch", "brown dog in the street", "cat on a chair"} & set(made["words"])
    for text, image in made["caption"].items():
        assert text in CAPTIONS[image]
    for text, image in made["sentences"].items():
        assert sum(caption.rstrip(" .") in text for caption in CAPTIONS[image]) >= 2


def test_no_more_than_asked_for_and_the_same_for_the_same_seed() -> None:
    first, again = (make_queries(CAPTIONS, range(4), 2, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert max(sum(query.kind == kind for query in first) for kind in KINDS) == 2
