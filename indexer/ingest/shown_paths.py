"""Names files for readers: by a path relative to the folder that was indexed, never by a path of the machine.

Where a collection has several folders, the folder's name stands before: ``2024/beach/1.jpg``. Of folders of one name
the second becomes ``2024-2``. A file that was named alone is called by its name.
"""

from __future__ import annotations

from collections.abc import Iterable

from indexer.sources.base import PhotoSource


class ShownPaths:
    """Turns the keys of a source into paths that readers see.

    Args:
        source: of the keys; the order of its roots decides their labels, and which root a file in several belongs to.
    """

    def __init__(self, source: PhotoSource) -> None:
        self._source = source
        labels = _distinct(source.name(root.rstrip("/")) or "root" for root in source.roots)
        self._labels = dict(zip(source.roots, labels, strict=True))

    def __call__(self, key: str) -> str:
        """Return the path of a file, text that UTF-8 can carry."""
        for root, relative in self._source.relative_names(key).items():
            return _printable(f"{self._labels[root]}/{relative}" if len(self._labels) > 1 else relative)
        return _printable(self._source.name(key))


def _distinct(names: Iterable[str]) -> list[str]:
    """Number the names that are given already, in order."""
    given: list[str] = []
    for name in names:
        label, number = name, 1
        while label in given:
            number += 1
            label = f"{name}-{number}"
        given.append(label)
    return given


def _printable(path: str) -> str:
    """Return a path as text, whatever bytes a file system holds."""
    return path.encode("utf-8", "replace").decode()
