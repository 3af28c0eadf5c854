"""The grammar of modifiers, and the limits of sentences, modifiers and pages."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import QueryError
from service.search.grammar import (
    SUBTRACTED_BESIDE_SENTENCE,
    WEIGHT_BESIDE_IMAGE,
    WEIGHT_BESIDE_SENTENCE,
    QueryLimits,
    as_query,
    parse_beside_image,
    parse_modifiers,
    parse_page,
    parse_query,
    parse_sentence,
)
from service.search.query import Modifier, Page, Sentence
from service.settings import Settings

LIMITS = QueryLimits(max_query_chars=40, max_modifiers=4, max_k=50, max_offset=200)
SIGNS = "+-\u2212\u2013"

words = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=12).filter(
    lambda word: word[0] not in SIGNS
)
phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)
signed_phrases = st.tuples(st.sampled_from(SIGNS), phrases)


def written(*modifiers: Modifier) -> list[tuple[str, float]]:
    return [(modifier.text, modifier.weight) for modifier in modifiers]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("beach", [("beach", WEIGHT_BESIDE_SENTENCE)]),
        (" beach", [("beach", WEIGHT_BESIDE_SENTENCE)]),  # ?modifier=+beach: a plus in a query string is a space
        ("+beach", [("beach", WEIGHT_BESIDE_SENTENCE)]),
        ("-people", [("people", -WEIGHT_BESIDE_SENTENCE)]),
        ("\u2212people", [("people", -WEIGHT_BESIDE_SENTENCE)]),
        ("\u2013people", [("people", -WEIGHT_BESIDE_SENTENCE)]),
        ("+golden  retriever", [("golden retriever", WEIGHT_BESIDE_SENTENCE)]),
        ("+beach -people", [("beach", WEIGHT_BESIDE_SENTENCE), ("people", -WEIGHT_BESIDE_SENTENCE)]),
        (" beach -two people +dog", [("beach", 0.5), ("two people", -0.5), ("dog", 0.5)]),
        ("t-shirt", [("t-shirt", WEIGHT_BESIDE_SENTENCE)]),
        ("-black-and-white photo", [("black-and-white photo", -WEIGHT_BESIDE_SENTENCE)]),
        ("C++", [("C++", WEIGHT_BESIDE_SENTENCE)]),
        ("-C++ +t-shirt", [("C++", -WEIGHT_BESIDE_SENTENCE), ("t-shirt", WEIGHT_BESIDE_SENTENCE)]),
        ("1/2 + 1"[:3], [("1/2", WEIGHT_BESIDE_SENTENCE)]),
    ],
)
def test_only_a_sign_before_a_word_gives_the_direction(value: str, expected: list[tuple[str, float]]) -> None:
    assert written(*parse_modifiers([value], LIMITS)) == expected


@pytest.mark.parametrize(
    "value", ["", "   ", "+", "-", " - ", "--beach", "+-beach", "+ beach", "beach -", "a - b", "+a +", "\ud800"]
)
def test_an_empty_value_or_a_bare_sign_is_refused(value: str) -> None:
    with pytest.raises(QueryError):
        parse_modifiers([value], LIMITS)


@given(st.lists(signed_phrases, min_size=1, max_size=4))
def test_several_terms_in_one_value_mean_the_same_as_repeated_values(terms: list[tuple[str, str]]) -> None:
    values = [sign + phrase for sign, phrase in terms]
    limits = QueryLimits()
    parsed = parse_modifiers([" ".join(values)], limits)
    assert parsed == parse_modifiers(values, limits)
    assert [modifier.weight > 0 for modifier in parsed] == [sign == "+" for sign, _ in terms]
    assert [modifier.text for modifier in parsed] == [phrase for _, phrase in terms]


@given(signed_phrases)
def test_a_label_parses_back_to_its_modifier(term: tuple[str, str]) -> None:
    (modifier,) = parse_modifiers(["".join(term)], QueryLimits())
    assert parse_modifiers([modifier.label], QueryLimits()) == (modifier,)


@given(st.lists(st.text(), max_size=3))
def test_any_text_is_parsed_or_refused_as_a_query_error(values: list[str]) -> None:
    try:
        parsed = parse_modifiers(values, QueryLimits())
    except QueryError:
        return
    for modifier in parsed:
        assert modifier.text
        assert modifier.text[0] not in SIGNS
        assert not re.search(rf"\s[{re.escape(SIGNS)}]", modifier.text)
        assert abs(modifier.weight) == WEIGHT_BESIDE_SENTENCE


def test_too_many_modifiers_are_refused_with_the_limit() -> None:
    assert len(parse_modifiers(["+a +b +c", "-d"], LIMITS)) == 4
    with pytest.raises(QueryError, match=r"^There are too many modifiers: the limit is 4\.$"):
        parse_modifiers(["+a +b +c", "-d", "e"], LIMITS)


def test_the_weight_is_the_caller_s_and_the_sign_the_modifier_s() -> None:
    assert written(*parse_modifiers(["+a -b"], LIMITS, 1.4)) == [("a", 1.4), ("b", -1.4)]


def test_modifiers_beside_an_image_share_its_weight() -> None:
    assert written(*parse_beside_image(["+a"], LIMITS)) == [("a", WEIGHT_BESIDE_IMAGE)]
    assert written(*parse_beside_image(["+a -b", "+c", "d"], LIMITS)) == [
        ("a", WEIGHT_BESIDE_IMAGE / 2),
        ("b", -WEIGHT_BESIDE_IMAGE / 2),
        ("c", WEIGHT_BESIDE_IMAGE / 2),
        ("d", WEIGHT_BESIDE_IMAGE / 2),
    ]
    assert parse_beside_image([], LIMITS) == ()


def test_the_weights_are_the_documented_ones() -> None:
    documented = " ".join((Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8").split())
    told = (
        f"words beside a sentence weigh {WEIGHT_BESIDE_SENTENCE} and −{SUBTRACTED_BESIDE_SENTENCE}, words without a "
        f"sentence ±{WEIGHT_BESIDE_SENTENCE} and words beside an image ±{WEIGHT_BESIDE_IMAGE} "
        f"(n of them ±{WEIGHT_BESIDE_IMAGE}/√n),"
    )
    assert told in documented


def test_a_modifier_is_as_long_as_a_sentence_may_be() -> None:
    assert written(*parse_modifiers(["x" * 40], LIMITS)) == [("x" * 40, WEIGHT_BESIDE_SENTENCE)]
    with pytest.raises(QueryError, match=r"^A modifier has 41 characters: the limit is 40\.$"):
        parse_modifiers(["x" * 41], LIMITS)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("+ beach", r"The modifier '\+ beach' has a sign without a word: write \+beach or -people, without a space\."),
        ("a --b", r"The modifier '--b' has a sign without a word"),
        (" ", r"A modifier is empty: write some words\."),
    ],
)
def test_a_refused_modifier_is_told_by_what_is_wrong_with_it(value: str, complaint: str) -> None:
    with pytest.raises(QueryError, match=f"^{complaint}"):
        parse_modifiers([value], LIMITS)


def test_a_sentence_keeps_its_words_and_loses_its_extra_spaces() -> None:
    assert parse_sentence("  a dog - not\ta cat \n", LIMITS) == Sentence("a dog - not a cat")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"^The query is empty: write some words\.$"),
        (" \n\t", "empty"),
        ("x" * 41, r"^The query has 41 characters: the limit is 40\.$"),
        ("a\udfff", "not valid Unicode: it holds half of a surrogate pair"),
        ("\ud800", "Unicode"),
    ],
)
def test_an_empty_over_long_or_broken_sentence_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(QueryError, match=complaint):
        parse_sentence(text, LIMITS)


def test_characters_next_to_the_surrogates_are_text_like_any_other() -> None:
    assert parse_sentence("\ud7ff \ue000", LIMITS).text == "\ud7ff \ue000"
    assert parse_sentence("x" * 40, LIMITS).text == "x" * 40


@pytest.mark.parametrize(
    ("k", "offset", "told"),
    [
        (0, 0, "k is 0: it must be between 1 and 50"),
        (-1, 0, "k is -1"),
        (51, 0, "k is 51: it must be between 1 and 50"),
        (10, -1, "offset is -1: it must be between 0 and 200"),
        (10, 201, "offset is 201: it must be between 0 and 200"),
    ],
)
def test_pages_beyond_the_limits_are_refused(k: int, offset: int, told: str) -> None:
    with pytest.raises(QueryError, match=f"^{told}"):
        parse_page(k, offset, LIMITS)


def test_pages_at_the_limits_are_accepted() -> None:
    assert parse_page(50, 200, LIMITS) == Page(50, 200)
    assert parse_page(1, 0, LIMITS) == Page(1, 0)


def test_the_limits_are_those_that_the_settings_document_unless_told_otherwise() -> None:
    limits = QueryLimits()
    assert (limits.max_query_chars, limits.max_modifiers, limits.max_k, limits.max_offset) == (1000, 8, 100, 1000)
    assert limits == Settings().query_limits


@pytest.mark.parametrize(
    ("text", "sentence", "modifiers"),
    [
        ("mountain +snow -castle", "mountain", [("snow", 0.5), ("castle", -0.8)]),
        ("mountain  lake +two people −car", "mountain lake", [("two people", 0.5), ("car", -0.8)]),
        ("t-shirt -logo", "t-shirt", [("logo", -0.8)]),
        ("dogs - and cats", "dogs - and cats", []),
        ("C++", "C++", []),
        ("a -- b", "a -- b", []),
        ("-castle", None, [("castle", -0.5)]),
        ('"+1" -castle', "+1", [("castle", -0.8)]),
        ('say "no -castle here" +"grey -ish"', "say no -castle here", [("grey -ish", 0.5)]),
        ("\u201ca -b\u201d", "a -b", []),
        ("a beach without people", "a beach", [("people", -0.8)]),
        ("no people +dusk", None, [("people", -0.5), ("dusk", 0.5)]),
        ('a "no parking" lot -car', "a no parking lot", [("car", -0.8)]),
        ('a 5" disk -box', 'a 5" disk', [("box", -0.8)]),
    ],
)
def test_signs_in_a_query_steer_and_quotes_protect(text: str, sentence: str | None, modifiers: list[Any]) -> None:
    found, signed = parse_query(text, [], LIMITS)
    assert (found and found.text) == sentence
    assert [(modifier.text, modifier.weight) for modifier in signed] == modifiers


def test_signed_words_come_before_those_beside_them_and_count_with_them() -> None:
    _, signed = parse_query("lake +boat", ["-people"], LIMITS)
    assert [modifier.label for modifier in signed] == ["+boat", "-people"]
    with pytest.raises(QueryError, match="too many modifiers"):
        parse_query("lake +boat", ["-people"], QueryLimits(max_modifiers=1))
    with pytest.raises(QueryError, match="too many modifiers"):
        parse_query("lake +boat -people", [], QueryLimits(max_modifiers=1))


def test_modifiers_alone_are_a_query() -> None:
    assert parse_query(" ", ["+boat"], LIMITS)[0] is None
    with pytest.raises(QueryError, match="The query is empty"):
        parse_query(" ", [], LIMITS)
    with pytest.raises(QueryError, match="The query is empty"):
        parse_query('""', [], LIMITS)


@given(st.text(max_size=40))
def test_a_sentence_that_was_read_can_be_written_and_read_again(text: str) -> None:
    try:
        sentence, _ = parse_query(text, [], LIMITS)
    except QueryError:
        return
    if sentence is not None and '"' not in sentence.text and "\u201c" not in sentence.text:
        assert parse_query(as_query(sentence), [], LIMITS, negation=False) == (sentence, ())


def test_what_is_absent_tells_the_words_that_say_so_and_can_be_left_in_the_sentence() -> None:
    _, (absent, signed) = parse_query("a beach without any people -dogs", [], LIMITS)
    assert (absent.label, absent.source) == ("-people", "without any people")
    assert signed.source is None
    sentence, modifiers = parse_query("a beach without people", [], LIMITS, negation=False)
    assert (sentence and sentence.text, modifiers) == ("a beach without people", ())
