"""Tells images that were deleted from those of a drive that is away.

Where a root, or a folder directly below one, holds none of its images any more, or too few, nothing of it is removed
until a person says so. An image that lies elsewhere now was moved, and is not missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from indexer.sources.base import PhotoSource

MIN_PRESENT = 0.5
"""Share of a folder's images that must be there for the others to count as deleted."""


@dataclass(frozen=True)
class AwayFolder:
    """A folder that holds so few of its images that its drive may be away.

    Attributes:
        place: the root, or the folder directly below it.
        held: how many image files it held at the last run.
        present: how many it holds now, those counted that were moved elsewhere.
    """

    place: str
    held: int
    present: int


def away_folders(
    source: PhotoSource,
    held: Mapping[str, bytes],
    there: Collection[str],
    images_there: Collection[bytes],
    min_present: float,
) -> list[AwayFolder]:
    """Return the folders of which nothing may be removed, in order.

    Args:
        source: of the keys.
        held: SHA-256 of the image, by the key of each file that held one at the last run.
        there: keys of the image files that are there now.
        images_there: SHA-256 of the images in them.
        min_present: share of a folder's files below which it counts as away, 0 to 1; with 0 none does that holds any.
    """
    before, now = Counter[str](), Counter[str]()
    for key, sha256 in held.items():
        for place in _places(source, key):
            before[place] += 1
            now[place] += key not in there and sha256 in images_there
    for key in there:
        now.update(_places(source, key))
    folders = [AwayFolder(place, count, now[place]) for place, count in sorted(before.items())]
    return [one for one in folders if one.present == 0 or one.present < min_present * one.held]


def _places(source: PhotoSource, key: str) -> Iterator[str]:
    """Yield each root above a file, or that is the file, and the folder directly below it that the file is in."""
    if key in source.roots:
        yield key
    for root, relative in source.relative_names(key).items():
        yield root
        folder, slash, _ = relative.partition("/")
        if slash:
            yield f"{root.rstrip('/')}/{folder}"
