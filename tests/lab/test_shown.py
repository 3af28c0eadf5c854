"""What captions tell of what a picture shows."""

from lab.evaluation.shown import RELATED, Shown

CAPTIONS = [
    ["A dog sleeps on a couch.", "a brown animal"],
    ["Two dogs are running", "dogs on grass"],
    ["A cat is on the couch", "the cat rests"],
]
SHOWN = Shown(CAPTIONS)


def test_words_are_shown_where_the_captions_together_have_all_of_their_stems() -> None:
    assert SHOWN.words("dog").tolist() == [True, True, False]
    assert SHOWN.words("a couch").tolist() == [True, False, True]
    assert SHOWN.words("brown dogs").tolist() == [True, False, False]
    assert SHOWN.words("dog cat").tolist() == [False] * 3
    assert SHOWN.words("zebra").tolist() == [False] * 3
    assert SHOWN.words("the").tolist() == [False] * 3


def test_sentences_and_pictures_are_shown_where_their_captions_are_related() -> None:
    assert 0 < RELATED < 1
    assert SHOWN.sentences("A dog sleeps on a couch.").tolist() == [True, False, False]
    assert SHOWN.image(1).tolist() == [False, True, False]
