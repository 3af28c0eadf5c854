"""The normal form of sentences."""

import pytest

from models.encoders.limited_text_space import MAX_WORDS, WordNumbers
from models.shipped import encoder_cards
from models.text.normalise import FORM, normalise
from models.text.stems import content_words
from models.text.tokeniser import MAX_TOKENS, load_minilm_tokeniser
from models.text.vocabulary import Vocabulary, split_words


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("A  Dog ", "a dog"),
        ("a dog.", "a dog"),
        ("a dog?!", "a dog"),
        ("a dog runs on grass", "a dog runs on grass."),
        ("a dog runs on grass ...", "a dog runs on grass."),
        ("a dog runs on grass…", "a dog runs on grass."),
        ("the man’s “new” hat", 'the man\'s "new" hat'),
        ("ﬁre ｄｏｇ ½", "fire dog 1⁄2"),  # NFKC: ligature, full-width letters, a fraction with its own slash
        ("🐶 on a 🏖️", "dog face on a beach with umbrella."),
        ("👋🏽", "waving hand sign"),
        ("👩‍🚀", "woman rocket"),
        ("Ein Hund läuft über die Straße", "ein hund läuft über die straße."),
        ("© 2020", "© 2020"),
        ("?!", "?!"),
        ("", ""),
    ],
)
def test_what_does_not_change_the_meaning_is_made_equal(typed: str, read: str) -> None:
    assert normalise(typed) == read
    assert normalise(read) == read


def test_every_reader_of_words_sees_the_normal_form() -> None:
    plain, odd = "the man's dog", "The  Man’s ｄｏｇ."
    assert split_words(odd) == split_words(plain) == ["the", "man's", "dog"]
    assert content_words(odd) == content_words(plain)
    ids = load_minilm_tokeniser()
    assert ids([odd])[0].tolist() == ids([plain])[0].tolist()


def test_the_shipped_encoders_name_the_rules_that_they_read_by() -> None:
    assert {card.name: card.text_form for card in encoder_cards()} == {card.name: FORM for card in encoder_cards()}


def test_a_tokeniser_tells_after_how_many_words_it_cut() -> None:
    tokenise = load_minilm_tokeniser()
    whole = "dog " * (MAX_TOKENS - 3)  # beside [CLS], [SEP] and the full stop
    assert tokenise.words_read(whole) is None
    assert tokenise.words_read(f"{whole} cat and bird") == MAX_TOKENS - 2
    assert tokenise([f"{whole} cat and bird"])[0].shape == (1, MAX_TOKENS)
    assert tokenise.words_read("1,2,3,4,5,6,7,8,9,0 " * 20) == 14  # 19 pieces a word: the last is read in part


def test_rows_of_words_tell_it_too() -> None:
    numbers = WordNumbers(Vocabulary(["dog"]))
    assert numbers.words_read("dog " * MAX_WORDS) is None
    assert numbers.words_read("dog " * MAX_WORDS + "cat") == MAX_WORDS
