"""What keys that are addresses tell by themselves: names, the folders above them, and what is left out on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from indexer.sources.base import Listing, ListingOptions
from indexer.sources.exclusion import Exclusions, is_skipped


class AddressedSource:
    """The part of a ``PhotoSource`` that looks at nothing, for keys as ``scheme://place/folder/name.jpg``."""

    def __init__(self, roots: Sequence[str]) -> None:
        self.roots: Sequence[str] = tuple(roots)

    def place(self, key: str) -> str:
        """Return a key without what a storage adds to it to find the file."""
        return key

    def name(self, key: str) -> str:
        """See ``PhotoSource``."""
        return self.place(key).rpartition("/")[2]

    def stem(self, key: str) -> str:
        """See ``PhotoSource``."""
        folder, slash, name = self.place(key).rpartition("/")
        return folder + slash + (name.rpartition(".")[0] or name)

    def relative_names(self, key: str) -> dict[str, str]:
        """See ``PhotoSource``."""
        place = self.place(key)
        folders = {root: as_folder(root) for root in self.roots if root != place}
        return {root: place[len(folder) :] for root, folder in folders.items() if place.startswith(folder)}

    def is_below(self, key: str, place: str) -> bool:
        """See ``PhotoSource``."""
        return self.place(key) == place or self.place(key).startswith(as_folder(place))

    def passes_by(self, key: str, options: ListingOptions) -> bool:
        """See ``PhotoSource``."""
        above = self.relative_names(key)
        return bool(above) and not any(Sieve(root, options).passes(name) for root, name in above.items())


class Sieve:
    """Leaves out, below one root, what is hidden, what holds nobody's photographs, and what people exclude.

    Raises:
        SourceError: a pattern of the options is none.
    """

    def __init__(self, root: str, options: ListingOptions) -> None:
        self._root = root.rstrip("/")
        self._exclusions = Exclusions.of(self._root, options.exclude)
        self._skipped: set[str] = set()
        self._excluded: set[str] = set()

    def passes(self, relative: str) -> bool:
        """Tell whether a file, by its name relative to the root, is listed."""
        *folders, name = relative.split("/")
        place = self._root
        for folder in folders:
            place = f"{place}/{folder}"
            if is_skipped(folder):
                self._skipped.add(place)
                return False
            if folder.startswith(".") or self._excludes(place, is_folder=True):
                return False
        return bool(name) and not name.startswith(".") and not self._excludes(f"{place}/{name}", is_folder=False)

    def tell(self, listing: Listing) -> None:
        """Count in a listing what was left out."""
        listing.skipped += Counter(place.rpartition("/")[2] for place in self._skipped)
        listing.excluded += len(self._excluded)

    def _excludes(self, place: str, *, is_folder: bool) -> bool:
        excluded = self._exclusions.exclude(place, is_folder=is_folder)
        if excluded:
            self._excluded.add(place)
        return excluded


def as_folder(address: str) -> str:
    """Return what the addresses of all files below a place begin with."""
    return address.rstrip("/") + "/"
