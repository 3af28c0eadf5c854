"""Decides what a run of the indexer has to do, from what it finds and what it has seen before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from indexer.catalog.base import SeenFile
from indexer.errors import EmptyCollectionError, SourceError
from indexer.ingest.scan import FoundFile, Scan
from indexer.ingest.vector_shelf import VectorShelf
from models.errors import InputError
from models.shipped import matcher_card, matcher_cards

NO_MATCHER = "none"


def choose_matchers(asked: Sequence[str], models: Sequence[str], held: Sequence[str] | None) -> list[str]:
    """Return the matchers whose features a run keeps.

    Args:
        asked: names that were given, or ``none`` alone; by default a new collection gets the matchers whose features
            come with its models' vectors, for they cost nothing (those over weights of their own need another pass),
            another one keeps those that it holds: no collection is read anew because a matcher has come.
        models: of the run.
        held: by the collection; None where it is new.

    Raises:
        UnknownModelError: no matcher of that name.
        InputError: one that re-ranks the results of none of these models.
    """
    if not asked:
        fitting = [card for card in matcher_cards() if card.encoder in models]
        return [card.name for card in fitting if (not card.parts if held is None else card.name in held)]
    cards = [] if list(asked) == [NO_MATCHER] else [matcher_card(name) for name in dict.fromkeys(asked)]
    for card in cards:
        if card.encoder not in models:
            raise InputError(
                f"{card.name} re-ranks the results of {card.encoder}, which this run does not encode with: "
                f"add --model {card.encoder}, or leave --matcher {card.name} out"
            )
    return [card.name for card in cards]


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
