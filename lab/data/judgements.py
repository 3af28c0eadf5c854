"""What people said of images: which of two is nearer to a third, and how well a caption describes an image.

Three formats, told apart by their columns:

- triplets, separated by commas, tabs or spaces, with the header ``query a b votes_a votes_b votes_neither``;
- Flickr8k's expert judgements: ``image<TAB>name.jpg#i<TAB>score<TAB>score<TAB>score``, scores 1 to 4;
- Flickr8k's crowd judgements: ``image<TAB>name.jpg#i<TAB>share of yes<TAB>yes<TAB>no``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.errors import InputError

_HEADER_LINE = "query a b votes_a votes_b votes_neither"
_HEADER = _HEADER_LINE.split()
_ROUNDING = 0.01
"""How far a crowd's share of yes may lie from its counts."""


@dataclass(frozen=True)
class Triplet:
    """Which of two images is nearer to the query: names of the images; votes for the first, the second, neither."""

    query: str
    first: str
    second: str
    votes: tuple[int, int, int]


@dataclass(frozen=True)
class Rating:
    """How well a caption describes an image: the image's name, the caption's text, larger is better."""

    image: str
    caption: str
    score: float


def read_judgements(
    file: Path, images: Path, captions: Mapping[str, str] | None = None
) -> list[Triplet] | list[Rating]:
    """Read judgements whose images and captions are all here.

    Each expert's score is a rating of its own; experts' pairs of an image with one of its own captions are left out
    (P. Anderson et al., "SPICE", ECCV 2016). A crowd's share of yes is one rating.

    Args:
        file: triplets or ratings.
        images: folder of the images named.
        captions: by name, ``name.jpg#i``; triplets need none.

    Raises:
        InputError: a malformed line, two formats in one file, an image or a caption that is not here, or no judgement.
    """
    lines = [
        _Line(file.name, number, line)
        for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1)
        if line.strip()
    ]
    if not lines:
        raise InputError(f"{file.name} holds no judgement")
    separator = next((mark for mark in (",", "\t") if mark in lines[0].text), None)
    judgements: list[Triplet] | list[Rating]
    if lines[0].split(separator) == _HEADER:
        judgements = [_triplet(line, line.split(separator), images) for line in lines[1:]]
    elif captions is None:
        raise InputError(f"{file.name} judges captions (its first line is not {_HEADER_LINE!r}); give --captions")
    else:
        judgements = _ratings(lines, images, captions)
    if not judgements:
        raise InputError(f"{file.name} holds no judgement that counts")
    return judgements


@dataclass(frozen=True)
class _Line:
    file: str
    number: int
    text: str

    def split(self, separator: str | None) -> list[str]:
        return [field.strip() for field in self.text.split(separator)]

    def error(self, message: str) -> InputError:
        return InputError(f"{self.file}, line {self.number}: {message}")


def _triplet(line: _Line, fields: list[str], images: Path) -> Triplet:
    if len(fields) != len(_HEADER) or not all(_is_whole(votes) for votes in fields[3:]):
        raise line.error(f"expected {_HEADER_LINE!r} with whole numbers of votes, found {line.text[:80]!r}")
    for name in fields[:3]:
        _check_image(line, name, images)
    first, second, neither = map(int, fields[3:])
    return Triplet(fields[0], fields[1], fields[2], (first, second, neither))


def _ratings(lines: list[_Line], images: Path, captions: Mapping[str, str]) -> list[Rating]:
    own = defaultdict(set)
    for name, caption in captions.items():
        own[name.rpartition("#")[0]].add(caption)
    kind = _kind(lines[0])
    ratings = []
    for line in lines:
        if _kind(line) != kind:
            raise line.error(f"a {_kind(line)} judgement, but the file begins with {kind} judgements; split the file")
        image, name, *numbers = line.split("\t")
        _check_image(line, image, images)
        if name not in captions:
            raise line.error(f"the caption {name!r} is not in the file of --captions; take the line out, or add it")
        if kind == "expert" and captions[name] in own[image]:
            continue
        scores = numbers if kind == "expert" else numbers[:1]
        ratings += [Rating(image, captions[name], float(score)) for score in scores]
    return ratings


def _kind(line: _Line) -> Literal["expert", "crowd"]:
    fields = line.split("\t")
    if len(fields) == 5 and all(score in ("1", "2", "3", "4") for score in fields[2:]):
        return "expert"
    if len(fields) == 5 and _is_crowd(*fields[2:]):
        return "crowd"
    raise line.error(
        "expected 'image<TAB>name.jpg#0<TAB>score<TAB>score<TAB>score' with scores 1 to 4, or "
        "'image<TAB>name.jpg#0<TAB>share<TAB>yes<TAB>no' where share is yes / (yes + no), "
        f"or the header {_HEADER_LINE!r} on the first line; found {line.text[:80]!r}"
    )


def _is_crowd(share: str, yes: str, no: str) -> bool:
    if not (_is_whole(yes) and _is_whole(no) and int(yes) + int(no)):
        return False
    try:
        return abs(float(share) - int(yes) / (int(yes) + int(no))) <= _ROUNDING
    except ValueError:
        return False


def _check_image(line: _Line, name: str, images: Path) -> None:
    if not (images / name).is_file():
        raise line.error(f"the image {name!r} is not in {images}; take the line out, or give its folder with --images")


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit()
