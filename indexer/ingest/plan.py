"""Decides what a run of the indexer has to do, from what it finds and what it has seen before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from indexer.catalog.working import SeenFile
from indexer.errors import EmptyCollectionError, SourceError
from indexer.ingest.scan import FoundFile, Scan
from indexer.ingest.vector_shelf import VectorShelf


def choose_sources(
    paths: Sequence[Path], captions: Path | None, extended: tuple[Sequence[str], Sequence[str]] | None
) -> tuple[list[Path], list[Path]]:
    """Return the folders and the caption files of this run, absolute, each once.

    Args:
        paths: folders or files that were given.
        captions: the caption file that was given.
        extended: folders and caption files of the last run where they are to be extended.

    Raises:
        SourceError: a folder or file does not exist (any more).
    """
    folders_before, captions_before = extended or ([], [])
    roots = [*map(Path, folders_before), *(path.resolve() for path in paths)]
    caption_files = [*map(Path, captions_before), *([captions.resolve()] if captions else [])]
    for root in roots:
        if not root.exists():
            hint = "" if extended is None else " any more; index again without --add, naming the folders there are"
            raise SourceError(f"{root} does not exist{hint}")
    return list(dict.fromkeys(roots)), list(dict.fromkeys(caption_files))


def files_to_read(found: Iterable[FoundFile], seen: Mapping[str, SeenFile], shelf: VectorShelf) -> Iterator[FoundFile]:
    """Yield the files that are new or changed, and one file of each image that a model lacks."""
    asked: set[bytes] = set()
    for file in found:
        before = seen.get(file.path)
        if before is None or (before.size, before.mtime_ns) != (file.size, file.mtime_ns):
            yield file
        elif before.sha256 and before.sha256 not in asked and shelf.lacking("image", before.sha256):
            asked.add(before.sha256)
            yield file


def out_of_sight(seen: Iterable[str], found: Scan) -> set[str]:
    """Return the files seen before that may still be there, in a folder that cannot be looked into at the moment."""
    closed = [Path(folder) for folder, _ in found.unreadable]
    return {
        path
        for path in (seen if closed else ())
        if path not in found.files and any(Path(path).is_relative_to(folder) for folder in closed)
    }


def nothing_to_index(roots: Sequence[Path], found: Scan) -> EmptyCollectionError:
    """Return the error that says what was passed by where no image was found."""
    remarks = [f"{count} {suffix} not supported" for suffix, count in sorted(found.unsupported.items())]
    remarks += [f"{found.links} symbolic links not followed"] if found.links else []
    remarks += [f"{path}: {reason}" for path, reason in found.unreadable[:3]]
    told = f" ({'; '.join(remarks)})" if remarks else ""
    return EmptyCollectionError(f"no image found in {', '.join(map(str, roots))}{told}")
