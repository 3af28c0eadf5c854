"""One wrong letter is corrected; names, other languages, and what is quoted stay."""

import pytest

from models.text.spelling import Spelling, load_spelling


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    return load_spelling()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a baech", "a beach"),  # exchanged
        ("moutain", "mountain"),  # missing
        ("a man with a hatt", "a man with a hat"),  # too many
        ("a blve car", "a blue car"),  # another
        ("dgo", "dog"),
        ("Moutain lake", "Mountain lake"),
        ("lake +snwo -people", "lake +snow -people"),
        ("a well-known skateborad", "a well-known skateboard"),
        ('a "baech" hatt', 'a "baech" hat'),
        ("a hatt, a hatt", "a hat, a hat"),
    ],
)
def test_one_wrong_letter_is_corrected(spelling: Spelling, written: str, read: str) -> None:
    assert spelling.is_doubtful(written)
    assert spelling.correct(written) == (written, read)


@pytest.mark.parametrize(
    "text",
    [
        "a dog on the beach",
        "acorn", "alpaca", "gibbon", "meerkat", "okapi", "pika", "quokka", "sloth", "axolotl", "wombat",
        "a photo of Jonh",
        '"baech"',
        "IMG_2041 5km",
        "it's",
        "nicht", "elefant", "gato",
        "ein hund im schnee",
        "una mujer con un sombrero rojo",
        "un homme avec un chapeau",
        "café läuft 犬",
        "xqzvw",
        "",
    ],
)  # fmt: skip
def test_what_is_known_or_may_be_of_another_language_stays(spelling: Spelling, text: str) -> None:
    assert spelling.correct(text) is None


def test_a_word_that_is_known_where_it_is_searched_stays(spelling: Spelling) -> None:
    asked: list[str] = []
    assert spelling.correct("a Hatt", lambda word: asked.append(word) is None) is None
    assert spelling.correct("hatt on a dog", lambda word: asked.append(word) is None) is None
    assert asked == ["hatt"]


def test_the_most_frequent_of_several_is_taken() -> None:
    spelling = Spelling(["cat", "car", "can"], {"a"}.__contains__, lambda _word: ["can", "car", "xxx"])
    assert spelling.correct("a cax car") == ("a cax car", "a car car")


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a dog on the beach", []),
        ("café in Paris, an okapi", []),
        ("ein Hund am Strand", ["Hund"]),
        ("собака на пляже", ["собака", "на", "пляже"]),
        ("海滩上的狗", ["海滩上的狗"]),
        ("Hündin, Hündin", ["Hündin"]),
    ],
)
def test_words_that_nobody_knows_are_told(spelling: Spelling, text: str, unknown: list[str]) -> None:
    assert spelling.unknown(text) == unknown
    assert spelling.unknown(text, lambda _word: True) == []
