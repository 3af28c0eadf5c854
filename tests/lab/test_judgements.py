"""Judgements are read in three formats, and what does not fit is named by file, line and value."""

from pathlib import Path

import pytest

from lab.data.judgements import Rating, Triplet, read_judgements
from models.errors import InputError

CAPTIONS = {"a.jpg#0": "A dog .", "a.jpg#1": "A puppy .", "b.jpg#0": "A cat .", "c.jpg#0": "A dog ."}


@pytest.fixture
def read(tmp_path: Path):
    """Write judgements beside the images a.jpg, b.jpg and c.jpg, and read them."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).touch()

    def read(text: str, captions: dict[str, str] | None = CAPTIONS):
        (tmp_path / "judged.txt").write_text(text, encoding="utf-8")
        return read_judgements(tmp_path / "judged.txt", tmp_path, captions)

    return read


@pytest.mark.parametrize("separator", [" ", "\t", ",", "   ", ", "])
def test_triplets_are_separated_by_commas_tabs_or_spaces_and_need_no_captions(read, separator: str) -> None:
    lines = ["query a b votes_a votes_b votes_neither", "a.jpg b.jpg c.jpg 3 0 1", "", "b.jpg c.jpg a.jpg 0 2 0"]
    text = "\r\n".join(line.replace(" ", separator) for line in lines)
    expected = [Triplet("a.jpg", "b.jpg", "c.jpg", (3, 0, 1)), Triplet("b.jpg", "c.jpg", "a.jpg", (0, 2, 0))]
    assert read(text, None) == read("\ufeff" + text) == expected


def test_every_experts_score_is_a_rating_and_captions_of_its_own_are_left_out(read) -> None:
    ratings = read(
        "a.jpg\tb.jpg#0\t1\t1\t2\nb.jpg\tb.jpg#0\t4\t4\t4\na.jpg\tc.jpg#0\t4\t4\t4\nb.jpg\ta.jpg#1\t1\t1\t1\n"
    )
    # c.jpg's caption is, word for word, one of a.jpg's own
    assert ratings == [Rating("a.jpg", "A cat .", score) for score in (1, 1, 2)] + 3 * [Rating("b.jpg", "A puppy .", 1)]


def test_a_crowds_share_of_yes_is_one_rating(read) -> None:
    ratings = read("a.jpg\tb.jpg#0\t0.333333333333\t1\t2\nb.jpg\tb.jpg#0\t1\t3\t0\nc.jpg\tb.jpg#0\t0\t0\t4\n")
    assert [(rating.image, rating.score) for rating in ratings] == [
        ("a.jpg", pytest.approx(1 / 3)),
        ("b.jpg", 1),
        ("c.jpg", 0),
    ]


EXPERT = "a.jpg\tb.jpg#0\t1\t1\t2\n"
HEADER = "query a b votes_a votes_b votes_neither\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EXPERT + "a.jpg\tb.jpg#0\t1\t5\t2\n", r"judged\.txt, line 2: expected .* scores 1 to 4, .* found .*5"),
        (EXPERT + "\na.jpg\tb.jpg#0\t1\t1\n", r"judged\.txt, line 3: expected"),
        ("a.jpg\tb.jpg#0\tyes\t1\t0\n", r"line 1: expected .* found .*yes"),
        ("a.jpg\tb.jpg#0\t0.9\t1\t2\n", r"line 1: expected .*share is yes / \(yes \+ no\).* found .*0\.9"),
        ("a.jpg\tb.jpg#0\t0\t0\t0\n", r"line 1: expected"),
        (EXPERT + "a.jpg\tb.jpg#0\t0.5\t1\t1\n", r"line 2: a crowd judgement, .* begins with expert .* split the file"),
        (EXPERT + HEADER, r"line 2: expected"),
        (HEADER + EXPERT, r"line 2: expected 'query a b"),
        (HEADER + "a.jpg b.jpg c.jpg 1 -1 0\n", r"line 2: expected .* whole numbers .*-1"),
        (HEADER + "a.jpg b.jpg c.jpg 1 0.5 0\n", r"line 2: expected .* whole numbers .*0\.5"),
        (HEADER + "a.jpg b.jpg c.jpg 1 1\n", r"line 2: expected"),
        (HEADER + "a.jpg b.jpg d.jpg 1 1 0\n", r"judged\.txt, line 2: the image 'd\.jpg' is not in .*--images"),
        ("d.jpg\tb.jpg#0\t1\t1\t2\n", r"line 1: the image 'd\.jpg'"),
        (EXPERT + "a.jpg\tb.jpg#9\t1\t1\t2\n", r"line 2: the caption 'b\.jpg#9' .*--captions"),
        ("", r"judged\.txt holds no judgement"),
        (HEADER, r"holds no judgement"),
        ("b.jpg\tb.jpg#0\t4\t4\t4\n", r"holds no judgement that counts"),
    ],
)
def test_what_does_not_fit_is_named(read, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text)


def test_ratings_need_the_captions_they_name(read) -> None:
    with pytest.raises(InputError, match="give --captions"):
        read(EXPERT, None)
