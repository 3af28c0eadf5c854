"""Reads captions and finds the images that they name.

Three forms, told apart by suffix: CSV with a header ``file,caption`` or ``image,caption``; JSON lines (``.jsonl``)
with ``file`` or ``image`` and ``caption`` or ``captions``; anything else is Flickr's ``name.jpg#0<TAB>caption``.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from indexer.errors import CaptionFileError
from indexer.sources.base import PhotoSource
from indexer.sources.regular_file import read_regular_file

_NAME_FIELDS = ("file", "image")


@dataclass(frozen=True)
class NamedCaption:
    """A caption and the image that it names, by a path relative to a root or by the file's name alone."""

    name: str
    text: str


def read_caption_file(path: Path) -> list[NamedCaption]:
    """Read a caption file in any of the forms; captions without a word in them are left out.

    Raises:
        CaptionFileError: the file cannot be read, or a line of it is malformed; the message names the line.
    """
    content = _text(path, partial(read_regular_file, path))
    reader = {".csv": _from_csv, ".jsonl": _from_json_lines}.get(path.suffix.lower(), _from_token_lines)
    return [NamedCaption(name.strip(), text) for name, words in reader(path, content) if (text := _one_line(words))]


def read_token_file(path: Path) -> list[tuple[str, str]]:
    """Read Flickr's token file: the key ``name.jpg#0`` and the caption of each line, in order.

    Captions without a word in them are left out.

    Raises:
        CaptionFileError: the file cannot be read, or a line of it is malformed; the message names the line.
    """
    lines = token_lines(path, _text(path, partial(read_regular_file, path)))
    return [(f"{name.strip()}#{number}", text) for name, number, words in lines if (text := _one_line(words))]


def token_lines(path: Path, content: str) -> Iterator[tuple[str, str, str]]:
    """Yield image name, caption number and caption of each line ``name.jpg#0<TAB>caption`` of Flickr's token file.

    Blank lines are skipped. The caption may be empty; the number is one or more digits.

    Raises:
        CaptionFileError: a line of another form; ``path`` is what the message calls the file.
    """
    for place, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        key, tab, caption = line.partition("\t")
        name, _, number = key.rpartition("#")
        if not tab or not name.strip() or not number.strip().isdecimal():
            raise CaptionFileError(path, place, f"expected 'name.jpg#0<TAB>caption', got {line[:80]!r}")
        yield name, number.strip(), caption


def read_captions_beside(source: PhotoSource, key: str) -> list[str]:
    """Read the text file beside an image: one caption a line.

    Raises:
        CaptionFileError: the file cannot be read.
    """
    lines = _text(key, partial(source.read, key)).splitlines()
    return [text for line in lines if (text := _one_line(line))]


def match(
    captions: Sequence[NamedCaption], images: Mapping[str, str], source: PhotoSource
) -> tuple[dict[str, list[str]], list[str]]:
    """Find the images that captions name.

    Args:
        captions: to place.
        images: image id by the key of a file that holds it.
        source: of the keys; names may be relative to its roots.

    Returns:
        The captions by image id, and the names that fit no image, or several that differ.
    """
    ids = _ids_by_name(images, source) if captions else {}
    placed: dict[str, list[str]] = defaultdict(list)
    unmatched: dict[str, None] = {}
    for caption in captions:
        name = caption.name.replace("\\", "/").removeprefix("./")
        fitting = ids.get(name) or ids.get(unicodedata.normalize("NFC", name), set())
        if len(fitting) == 1:
            placed[next(iter(fitting))].append(caption.text)
        else:
            unmatched[caption.name] = None
    return placed, list(unmatched)


def _ids_by_name(images: Mapping[str, str], source: PhotoSource) -> dict[str, set[str]]:
    """Return which images a name may mean.

    A relative path goes before an equal name in another folder, and a name as it is written before the same one in
    composed form (NFC): macOS and some archives write the other one.
    """
    by_name: dict[str, set[str]] = defaultdict(set)
    by_relative_path: dict[str, set[str]] = defaultdict(set)
    for key, image_id in images.items():
        by_name[source.name(key)].add(image_id)
        for relative in source.relative_names(key).values():
            by_relative_path[relative].add(image_id)
    return _composed(by_name) | _composed(by_relative_path) | by_name | by_relative_path


def _composed(ids: Mapping[str, set[str]]) -> dict[str, set[str]]:
    composed: dict[str, set[str]] = defaultdict(set)
    for name, images in ids.items():
        composed[unicodedata.normalize("NFC", name)] |= images
    return composed


def _from_token_lines(path: Path, content: str) -> Iterator[tuple[str, str]]:
    for name, _, caption in token_lines(path, content):
        yield name, caption


def _from_csv(path: Path, content: str) -> Iterator[tuple[str, str]]:
    lines = csv.reader(io.StringIO(content), strict=True)
    header = [name.strip().lower() for name in next(lines, [])]
    try:
        name_at = next(header.index(name) for name in _NAME_FIELDS if name in header)
        caption_at = header.index("caption")
    except (StopIteration, ValueError):
        raise CaptionFileError(path, 1, f"expected a header 'file,caption', got {','.join(header)[:80]!r}") from None
    try:
        for fields in lines:
            if not fields:
                continue
            if len(fields) != len(header):
                raise CaptionFileError(path, lines.line_num, f"expected {len(header)} fields, got {len(fields)}")
            yield fields[name_at], fields[caption_at]
    except csv.Error as error:
        raise CaptionFileError(path, lines.line_num, str(error)) from None


def _from_json_lines(path: Path, content: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise CaptionFileError(path, number, f"is not JSON ({error})") from None
        name, captions = _entry(entry)
        if name is None or captions is None:
            raise CaptionFileError(path, number, 'expected {"file": "name.jpg", "caption": "words"}')
        for caption in captions:
            yield name, caption


def _entry(entry: Any) -> tuple[str | None, list[str] | None]:
    """Return an object's image name and captions, None for what is not there or not text."""
    if not isinstance(entry, dict):
        return None, None
    name = next((entry[field] for field in _NAME_FIELDS if isinstance(entry.get(field), str)), None)
    captions: Any = entry.get("captions", entry.get("caption"))
    listed: list[Any] = captions if isinstance(captions, list) else [captions]
    return name, listed if all(isinstance(caption, str) for caption in listed) else None


def _text(place: str | Path, read: Callable[[], bytes]) -> str:
    """Return what a file holds as text; ``place`` is what errors call the file."""
    try:
        content = read()
    except OSError as error:
        raise CaptionFileError(place, 1, f"cannot be read ({error.strerror or error})") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CaptionFileError(place, content.count(b"\n", 0, error.start) + 1, "is not UTF-8 text") from None


def _one_line(words: str) -> str:
    """Return a caption on one line, without what a database refuses: zeros, and halves of surrogate pairs from JSON."""
    return " ".join(words.replace("\0", " ").encode("utf-8", "replace").decode().split())
