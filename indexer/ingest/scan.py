"""Finds the images of a source, and the text files beside them, without reading any."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from indexer.sources.base import FoundFile, PhotoSource
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
        links: number of symbolic links passed by.
    """

    files: dict[str, FoundFile] = field(default_factory=dict)
    captions_beside: dict[str, str] = field(default_factory=dict)
    unsupported: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    links: int = 0


def scan(source: PhotoSource) -> Scan:
    """Tell images from other files by their suffixes."""
    listing = source.list_files()
    found, listed = Scan(unreadable=listing.unreadable, links=listing.links), set(listing.keys)
    for key in listing.keys:
        written = _suffix(source.name(key))
        suffix = written.lower()
        if suffix in KNOWN_UNSUPPORTED_SUFFIXES:
            found.unsupported[suffix] += 1
        if suffix not in SUPPORTED_SUFFIXES:
            continue
        try:
            found.files[key] = source.stat(key)
        except OSError as error:
            found.unreadable.append((key, error.strerror or str(error)))
            continue
        if (beside := key.removesuffix(written) + _CAPTIONS_SUFFIX) in listed:
            found.captions_beside[key] = beside
    return found


def _suffix(name: str) -> str:
    """Return a file name's suffix with its dot, empty where there is none."""
    stem, dot, ending = name.rpartition(".")
    return dot + ending if stem else ""
