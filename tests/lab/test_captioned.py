"""Captioned sets are read as they are, and what does not fit is named."""

from pathlib import Path

import pytest

from lab.data.captioned import join, load_split, read_captioned
from models.errors import InputError


def _set(folder: Path, lines: str) -> tuple[Path, Path]:
    (folder / "images").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / "images" / name).touch()
    tokens = folder / "token.txt"
    tokens.write_text(lines, encoding="utf-8")
    return folder / "images", tokens


def test_captions_belong_to_their_image_in_the_order_of_the_split(tmp_path: Path) -> None:
    images, tokens = _set(tmp_path, "a.jpg#0\tA dog .\na.jpg#1\tA puppy .\nb.jpg#0\tA cat .\n")
    split = tmp_path / "split.txt"
    split.write_text("b.jpg\na.jpg\n")
    data = read_captioned(images, tokens, split)
    assert [f.name for f in data.files] == ["b.jpg", "a.jpg"]
    assert data.flat_captions() == (["A cat .", "A dog .", "A puppy ."], [0, 1, 1])
    assert len(join([data, data], "twice")) == 4


def test_shuffled_captions_have_the_same_words_in_orders_of_their_own(tmp_path: Path) -> None:
    sentence = "one two three four five six seven eight"
    images, tokens = _set(tmp_path, f"a.jpg#0\t{sentence}\na.jpg#1\t{sentence}\nb.jpg#0\talone\n")
    data = read_captioned(images, tokens)
    shuffled = data.with_words_shuffled(1)
    assert shuffled == data.with_words_shuffled(1) != data.with_words_shuffled(2)
    (first, second), (alone,) = shuffled.captions
    assert len({sentence, first, second}) == 3
    assert sorted(first.split()) == sorted(second.split()) == sorted(sentence.split())
    assert alone == "alone"
    assert shuffled.files == data.files


@pytest.mark.parametrize("line", ["a.jpg#0 no tab", "a.jpg\tno number", "a.jpg#x\tno number either", "#0\tno name"])
def test_a_malformed_line_is_told_with_its_file_its_number_and_what_stands_there(tmp_path: Path, line: str) -> None:
    images, tokens = _set(tmp_path, f"a.jpg#0\tfine\n{line}\n")
    with pytest.raises(InputError) as told:
        read_captioned(images, tokens)
    for part in ("token.txt", "line 2", repr(line)):
        assert part in str(told.value)


def test_an_image_whose_captions_have_no_word_has_none(tmp_path: Path) -> None:
    images, tokens = _set(tmp_path, "a.jpg#0\tA  dog\tin snow .\na.jpg#1\t   \nb.jpg#0\t\n")
    assert read_captioned(images, tokens).captions == (("A dog in snow .",),)
    (tmp_path / "split.txt").write_text("a.jpg\nb.jpg\n")
    with pytest.raises(InputError, match=r"no caption for 1 images, such as b\.jpg"):
        read_captioned(images, tokens, tmp_path / "split.txt")


def test_a_missing_image_and_a_missing_caption_are_named(tmp_path: Path) -> None:
    images, tokens = _set(tmp_path, "a.jpg#0\tx\nc.jpg#0\ty\n")
    with pytest.raises(InputError, match=r"c\.jpg"):
        read_captioned(images, tokens)
    split = tmp_path / "split.txt"
    split.write_text("b.jpg\n")
    with pytest.raises(InputError, match=r"b\.jpg"):
        read_captioned(images, tokens, split)


def test_absent_training_photographs_say_how_to_name_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEMBLANCE_TRAINING_DATA", str(tmp_path))
    with pytest.raises(InputError, match="SEMBLANCE_TRAINING_DATA"):
        load_split("flickr8k-dev")
