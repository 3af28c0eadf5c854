"""Photographs in a dictionary: a storage that is no folder of this machine, and the oracle of what a source does."""

import zlib
from collections.abc import Sequence

from indexer.sources.base import NO_OPTIONS, FoundFile, Listing, ListingOptions


class MemorySource:
    """A ``PhotoSource`` of keys like ``memory://photos/sub/a.png``; ``closed`` folders cannot be looked into."""

    def __init__(self, roots: Sequence[str], files: dict[str, bytes], closed: Sequence[str] = ()) -> None:
        self.roots, self.files, self.closed = tuple(roots), files, closed

    def missing_roots(self) -> list[str]:
        return [root for root in self.roots if not any(self.is_below(key, root) for key in self.files)]

    def list_files(self, options: ListingOptions = NO_OPTIONS) -> Listing:
        found = Listing(unreadable=[(place, "closed") for place in self.closed])
        for key in sorted(self.files):
            hidden = any(self.is_below(key, place) for place in self.closed)
            if not hidden and any(self.is_below(key, root) for root in self.roots):
                found.keys.append(key)
        return found

    def passes_by(self, key: str, options: ListingOptions) -> bool:
        return False

    def stat(self, key: str) -> FoundFile:
        content = self.read(key)
        return FoundFile(key, len(content), zlib.crc32(content))

    def read(self, key: str) -> bytes:
        if key not in self.files:
            raise FileNotFoundError(2, "gone", key)
        return self.files[key]

    def local_path(self, key: str) -> None:
        self.read(key)

    def name(self, key: str) -> str:
        return key.rpartition("/")[2]

    def stem(self, key: str) -> str:
        return key.rpartition(".")[0]

    def relative_names(self, key: str) -> dict[str, str]:
        return {root: key.removeprefix(f"{root}/") for root in self.roots if key.startswith(f"{root}/")}

    def is_below(self, key: str, place: str) -> bool:
        return key == place or key.startswith(f"{place}/")
