"""Captions are read in three forms and placed on the images that they name."""

import os
import unicodedata

import pytest

from indexer.errors import CaptionFileError
from indexer.ingest.captions import NamedCaption, match, read_caption_file, read_captions_beside, read_token_file
from indexer.sources.local_folders import LocalFolders

A, B = NamedCaption("a.jpg", "A dog runs"), NamedCaption("b.jpg", "Café, at night")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("token.txt", "a.jpg#0\tA dog runs\nb.jpg#1\tCafé,  at night \n\n"),
        ("token.txt", "\ufeffa.jpg#0\tA dog runs\r\nb.jpg#0\tCafé, at night"),
        ("c.csv", 'file,caption\na.jpg,A dog runs\nb.jpg,"Café, at night"\n\n'),
        ("c.csv", '\ufeffImage, Caption\r\na.jpg,A dog runs\r\nb.jpg,"Café,\nat night"\r\n'),
        ("c.csv", 'caption,photographer,image\nA dog runs,x,a.jpg\n"Café, at night",,b.jpg\n'),
        (
            "c.jsonl",
            '{"file": "a.jpg", "caption": "A dog runs"}\n\n{"image": "b.jpg", "captions": ["Café, at night"]}\n',
        ),
        (
            "c.jsonl",
            '\ufeff{"file":"a.jpg","captions":["A dog runs"," "]}\n{"file":"b.jpg","caption":"Caf\\u00e9, at night"}',
        ),
    ],
)
def test_every_form_is_read(write, name, content):
    assert read_caption_file(write(name, content)) == [A, B]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("token.txt", "a.jpg#0\tfine\na.jpg no tab", 2),
        ("token.txt", "a.jpg\tno number", 1),
        ("token.txt", "#0\tno name", 1),
        ("token.txt", " #0\tno name", 1),
        ("token.txt", "a.jpg#0\tfine\n\na.jpg#one\tno digits", 3),
        ("token.txt", "a.jpg#\tno digits", 1),
        ("c.csv", "name,words\na.jpg,x", 1),
        ("c.csv", "", 1),
        ("c.csv", "file,caption\na.jpg,x\nb.jpg", 3),
        ("c.csv", 'file,caption\na.jpg,"never closed', 2),
        ("c.jsonl", '{"file": "a.jpg", "caption": "x"}\nnot json', 2),
        ("c.jsonl", '{"file": "a.jpg"}', 1),
        ("c.jsonl", '{"file": 3, "caption": "x"}', 1),
        ("c.jsonl", '{"file": "a.jpg", "captions": ["x", 3]}', 1),
        ("c.jsonl", '["a.jpg", "x"]', 1),
    ],
)
def test_a_malformed_line_is_named(write, name, content, line):
    with pytest.raises(CaptionFileError, match=rf"{name}, line {line}:") as failure:
        read_caption_file(write(name, content))
    assert failure.value.line == line


def test_the_keys_of_a_token_file_are_kept_and_captions_without_a_word_left_out(write):
    tokens = write("token.txt", "\ufeffb#2.jpg#1\tA  dog \r\na.jpg#0 \t \n\n a.jpg#10\tCaf\u00e9\n")
    assert read_token_file(tokens) == [("b#2.jpg#1", "A dog"), ("a.jpg#10", "Caf\u00e9")]
    with pytest.raises(CaptionFileError, match=r"token\.txt, line 2:"):
        read_token_file(write("token.txt", "a.jpg#0\tfine\na.jpg\tno number"))


def test_text_that_is_not_utf_8_is_named_by_line(tmp_path):
    (tmp_path / "token.txt").write_bytes(b"a.jpg#0\tfine\nb.jpg#0\tcaf\xe9\n")
    with pytest.raises(CaptionFileError, match="line 2: is not UTF-8"):
        read_caption_file(tmp_path / "token.txt")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CaptionFileError, match="No such file"):
        read_caption_file(tmp_path / "absent.csv")


def test_half_a_surrogate_pair_and_a_zero_do_not_reach_the_database(write):
    (caption,) = read_caption_file(write("c.jsonl", '{"file": "a.jpg", "caption": "x \\ud83d y\\u0000z"}'))
    assert caption.text == "x ? y z"


def test_the_file_beside_an_image_holds_a_caption_a_line(write):
    beside = write("a.txt", "\ufeffone\r\n\n  two  words \n")
    assert read_captions_beside(LocalFolders([str(beside.parent)]), str(beside)) == ["one", "two words"]


@pytest.mark.parametrize(("content", "told"), [(None, "No such file"), (b"fine\n\xff\n", "line 2: is not UTF-8")])
def test_a_file_beside_an_image_that_cannot_be_read_is_named(tmp_path, content, told):
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(CaptionFileError, match=rf"a\.txt.*{told}"):
        read_captions_beside(LocalFolders([str(tmp_path)]), str(tmp_path / "a.txt"))


IMAGES = {
    "/photos/a.jpg": "1",
    "/photos/x/same.jpg": "2",
    "/photos/y/same.jpg": "3",
    "/photos/y/copy.jpg": "1",
    "/old/x/b.jpg": "4",
}
SOURCE = LocalFolders(["/photos", "/old"])


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("a.jpg", "1"),
        ("x/same.jpg", "2"),
        ("./y/same.jpg", "3"),
        ("y\\same.jpg", "3"),
        ("copy.jpg", "1"),
        ("b.jpg", "4"),
        ("x/b.jpg", "4"),
        ("same.jpg", None),  # two images bear the name
        ("photos/a.jpg", None),
        ("absent.jpg", None),
    ],
)
def test_an_image_is_named_by_relative_path_or_by_a_base_name_that_is_unique(name, image):
    placed, unmatched = match([NamedCaption(name, "words")], IMAGES, SOURCE)
    assert placed == ({image: ["words"]} if image else {})
    assert unmatched == ([] if image else [name])


def test_a_relative_path_goes_before_an_equal_base_name_elsewhere():
    images = {"/photos/a.jpg": "1", "/photos/sub/a.jpg": "2"}
    assert match([NamedCaption("a.jpg", "words")], images, LocalFolders(["/photos"]))[0] == {"1": ["words"]}


def test_copies_of_one_image_do_not_make_a_base_name_ambiguous():
    images = {"/photos/x/a.jpg": "1", "/photos/y/a.jpg": "1"}
    assert match([NamedCaption("a.jpg", "words")], images, LocalFolders(["/photos"]))[0] == {"1": ["words"]}


@pytest.mark.parametrize(("of_file", "of_caption"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD"), ("NFC", "NFC")])
def test_names_meet_in_whatever_form_unicode_is_written(of_file, of_caption):
    name = "Ausflug/Caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg"
    key = unicodedata.normalize(of_file, f"/photos/{name}")
    source = LocalFolders(["/photos"])
    for written in (name, name.rpartition("/")[2]):
        caption = NamedCaption(unicodedata.normalize(of_caption, written), "coffee")
        assert match([caption], {key: "1"}, source) == ({"1": ["coffee"]}, [])


def test_two_files_that_differ_only_in_the_form_are_told_apart_by_it():
    names = [unicodedata.normalize(form, "Caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg") for form in ("NFC", "NFD")]
    images = {f"/photos/{name}": name for name in names}
    captions = [NamedCaption(name, name) for name in names]
    assert match(captions, images, LocalFolders(["/photos"])) == ({name: [name] for name in names}, [])


def test_a_caption_file_that_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "captions.csv")
    with pytest.raises(CaptionFileError, match=r"captions.csv, line 1: cannot be read \(is no file but a fifo\)"):
        read_caption_file(tmp_path / "captions.csv")
