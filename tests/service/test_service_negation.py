"""What sentences say is absent, and what they do not."""

import pytest

from service.search.negation import split_absences


@pytest.mark.parametrize(
    ("sentence", "rest", "things"),
    [
        ("a beach without people", "a beach", ["people"]),
        ("no people", "", ["people"]),
        ("not a dog", "", ["dog"]),
        ("a cat, not a dog", "a cat", ["dog"]),
        ("a dog but not a cat", "a dog", ["cat"]),
        ("food but no meat", "food", ["meat"]),
        ("a street without cars or people", "a street", ["cars", "people"]),
        ("an empty street, no cars, no people", "an empty street", ["cars", "people"]),
        ("a room without chairs and tables", "a room", ["chairs", "tables"]),
        ("a room without chairs and a table", "a room and a table", ["chairs"]),
        ("wearing shorts and no shirt, running", "wearing shorts, running", ["shirt"]),
        ("a beach with no people in the evening", "a beach in the evening", ["people"]),
        ("a man without a shirt on is rock climbing", "a man is rock climbing", ["shirt"]),
        ("a man without a shirt climbs a wall", "a man climbs a wall", ["shirt"]),
        ("a girl with no shoes walks down a road", "a girl walks down a road", ["shoes"]),
        ("a dog without a leash running", "a dog running", ["leash"]),
        ("a train with no passengers around.", "a train.", ["passengers"]),
        ("a man not wearing a hat", "a man", ["hat"]),
        ("a kitchen that does not have a window", "a kitchen", ["window"]),
        ("a truck doesn't have a roof", "a truck", ["roof"]),
        ("A Tree Without Any Leaves!", "A Tree!", ["Leaves"]),
        ("there are no boats on the lake", "the lake", ["boats"]),
        ("a city at night without neon lights", "a city at night", ["neon lights"]),
    ],
)
def test_absent_things_are_taken_out(sentence: str, rest: str, things: list[str]) -> None:
    found, absences = split_absences(sentence)
    assert (found, [absence.thing for absence in absences]) == (rest, things)
    assert split_absences(found) == (found, ())
    assert all(absence.source in " ".join(sentence.split()) for absence in absences)


@pytest.mark.parametrize(
    "sentence",
    [
        "a no parking sign",
        "a sign that says no dogs",
        "no dogs allowed",
        "no one is there",
        "no, a dog",
        "not far from the sea",
        "a man not looking at the camera",
        "nothing but sand",
        "without a doubt a dog",
        "a notable northern knot",
        "a dog",
        "no",
        "without",
        "",
    ],
)
def test_other_sentences_stay_as_they_are(sentence: str) -> None:
    assert split_absences(sentence) == (sentence, ())
