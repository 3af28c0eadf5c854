"""Photographs in an object storage that speaks S3. A key is an object's address, ``s3://bucket/folder/name.jpg``.

An object's ETag is what tells that it has changed, beside its size. Folders are what lies between slashes. Everything
is read through this process; where the storage answers and who may ask are the variables of AWS's own tools
(``AWS_ENDPOINT_URL_S3``, ``AWS_ACCESS_KEY_ID``, …).
"""

from __future__ import annotations

from collections.abc import Sequence

from indexer.sources.addresses import AddressedSource, Sieve, as_folder
from indexer.sources.base import NO_OPTIONS, FoundFile, Listing, ListingOptions
from indexer.sources.objects import Objects


class ObjectStorage(AddressedSource):
    """The ``PhotoSource`` of addresses of one object storage.

    Args:
        roots: buckets (``s3://bucket``), folders in them, or single objects.
        objects: reaches the storage.
    """

    def __init__(self, roots: Sequence[str], objects: Objects) -> None:
        super().__init__(roots)
        self._objects = objects
        self._listed: dict[str, FoundFile] = {}

    def missing_roots(self) -> list[str]:
        """See ``PhotoSource``."""
        return [root for root in self.roots if not self._objects.exists(root)]

    def list_files(self, options: ListingOptions = NO_OPTIONS) -> Listing:
        """See ``PhotoSource``. Listings come in pages; a root of which a page is lacking is not listed at all."""
        listing, found = Listing(), dict[str, FoundFile]()
        for root in self.roots:
            sieve = Sieve(root, options)
            try:
                below = self._objects.below(root)
            except FileNotFoundError:
                continue
            except OSError as error:
                listing.unreadable.append((root, error.strerror or str(error)))
                continue
            found |= {
                file.key: file
                for file in below
                if file.key == root or sieve.passes(file.key.removeprefix(as_folder(root)))
            }
            sieve.tell(listing)
        self._listed, listing.keys = found, list(found)
        return listing

    def stat(self, key: str) -> FoundFile:
        """See ``PhotoSource``. What a listing told is not asked again."""
        return self._listed.get(key) or self._objects.describe(key)

    def read(self, key: str) -> bytes:
        """See ``PhotoSource``."""
        return self._objects.read(key)

    def read_part(self, key: str, start: int, size: int) -> bytes:
        """Return some bytes of an object, fewer at its end; raises as ``read``."""
        return self._objects.read(key, start, size)

    def local_path(self, key: str) -> None:
        """See ``PhotoSource``: there is none."""
        self._objects.describe(key)
