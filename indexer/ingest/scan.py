"""Finds the images of a source, and the text files beside them, without reading any."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from indexer.sources.base import NO_OPTIONS, FoundFile, ListingOptions, PhotoSource
from models.imaging.formats import KNOWN_UNSUPPORTED_SUFFIXES, SUPPORTED_SUFFIXES

_CAPTIONS_SUFFIX = ".txt"


@dataclass
class Scan:
    """What was found.

    Attributes:
        files: image files by key, in the order of the listing.
        captions_beside: the key of the text file of the same name, by the image's key.
        unsupported: number of files by suffix, of image formats that cannot be read here.
        unreadable: folders and files that could not be looked at, each with the reason.
        odd: what is called as an image, or was asked for, and is no file, each with what it is.
        skipped: number of folders by name that hold nobody's photographs.
        excluded: number of files and folders that people excluded.
        links: number of symbolic links passed by.
    """

    files: dict[str, FoundFile] = field(default_factory=dict)
    captions_beside: dict[str, str] = field(default_factory=dict)
    unsupported: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    excluded: int = 0
    links: int = 0


def scan(source: PhotoSource, options: ListingOptions = NO_OPTIONS) -> Scan:
    """Tell images from other files by their suffixes.

    Raises:
        SourceError: a pattern of the options is none.
    """
    listing = source.list_files(options)
    found = Scan(unreadable=listing.unreadable, skipped=listing.skipped, excluded=listing.excluded, links=listing.links)
    found.odd = [
        (key, f"is no file but {what}")
        for key, what in listing.odd
        if key in source.roots or _suffix(source.name(key)).lower() in SUPPORTED_SUFFIXES
    ]
    texts = {_stem(source, key): key for key in listing.keys if key.endswith(_CAPTIONS_SUFFIX)}
    for key in listing.keys:
        suffix = _suffix(source.name(key)).lower()
        if suffix in KNOWN_UNSUPPORTED_SUFFIXES:
            found.unsupported[suffix] += 1
        if suffix not in SUPPORTED_SUFFIXES:
            continue
        try:
            found.files[key] = source.stat(key)
        except OSError as error:
            found.unreadable.append((key, error.strerror or str(error)))
            continue
        if beside := texts.get(_stem(source, key)):
            found.captions_beside[key] = beside
    return found


def _stem(source: PhotoSource, key: str) -> str:
    return unicodedata.normalize("NFC", source.stem(key))


def _suffix(name: str) -> str:
    """Return a file name's suffix with its dot, empty where there is none."""
    stem, dot, ending = name.rpartition(".")
    return dot + ending if stem else ""
