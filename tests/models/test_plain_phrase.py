"""What a phrase says without quotes and articles."""

import pytest

from models.text.plain_phrase import plain_phrase


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a giraffe", "giraffe"),
        ("An  old car", "old car"),
        ("the dogs on grass", "dogs on grass"),
        ('"a brown dog"', "brown dog"),
        ("“giraffe”", "giraffe"),
        ("a dog runs on grass", "a dog runs on grass"),
        ("another dog", "another dog"),
        ("a", "a"),
        ("the ", "the "),
        ("vitamin a", "vitamin a"),
        ('""', '""'),
        ("", ""),
    ],
)
def test_a_phrase_is_read_without_what_asks_for_nothing(text: str, plain: str) -> None:
    assert plain_phrase(text).strip() == plain.strip()
