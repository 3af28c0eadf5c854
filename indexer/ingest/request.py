"""What a run of the indexer is asked for, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

from indexer.ingest.removals import MIN_PRESENT, AwayFolder
from models.inference.execution import Execution

Stage = Literal["images", "captions"]
Progress = Callable[[Stage, int, int], None]
"""Called with the stage, how many are done and how many there are."""


@dataclass(frozen=True)
class IndexRequest:
    """What to index.

    Attributes:
        data_dir: where collections are kept.
        collection: its name; it is made where there is none.
        paths: folders or single files, or addresses of another storage (see ``sources.opening``).
        captions: a caption file (see ``ingest.captions``), beside the text files that lie next to images; by default
            those of the last run.
        drop_captions: forget the caption files of the last run.
        exclude: patterns in gitignore's syntax of what is passed by; by default those of the last run.
        drop_excludes: forget the patterns of the last run.
        follow_links: follow symbolic links that lead to a place below the folders; None is as in the last run.
        add: extend the folders, caption files and patterns of the last run instead of replacing them.
        models: names of the models to encode with; by default the collection's own, in a new one the shipped one.
        matchers: names of those whose features to keep, or ``none`` alone (see ``ingest.model_choice``).
        allow_removal: what is not there any more is deleted, and not on a drive that is away (see ``ingest.removals``).
        min_present: share of a folder's images that must be there for the others to count as deleted, 0 to 1.
        keep: how many generations stay where one is published, the new one among them; at least 1.
        purge: drop the vectors of what is gone now, and not after three generations.
        workers: how many processes of a Ray cluster read and encode images; 0 is none but this one, or with ``ray`` as
            many as fit it (see ``ingest.ray_batches``).
        ray: address of a running cluster; None is one of this machine, where there are workers.
        execution: how models run where a process makes a library of its own.
    """

    data_dir: Path
    collection: str
    paths: tuple[str | PathLike[str], ...]
    captions: Path | None = None
    drop_captions: bool = False
    exclude: tuple[str, ...] = ()
    drop_excludes: bool = False
    follow_links: bool | None = None
    add: bool = False
    models: tuple[str, ...] = ()
    matchers: tuple[str, ...] = ()
    allow_removal: bool = False
    min_present: float = MIN_PRESENT
    keep: int = 2
    purge: bool = False
    workers: int = 0
    ray: str | None = None
    execution: Execution = Execution(device="auto")  # noqa: RUF009 - it is immutable


@dataclass(frozen=True)
class IndexReport:
    """What indexing did.

    Attributes:
        collection: its name.
        generation: the number published, or None because nothing had changed.
        images: in the collection now.
        captions: distinct ones in the collection now.
        captions_removed: distinct ones that no image has any more.
        added: images encoded in this run.
        reused: images whose vectors were there already.
        deleted: images that no file holds any more.
        away: folders that hold so few of their images that nothing of them was removed.
        duplicates: files whose content another file has too.
        remarks: files that were read in this run all the same, each with what is wrong with it.
        failed: files that could not be read or decoded, each with the reason.
        unsupported: number of files by suffix, of formats that cannot be read here.
        skipped: number of folders by name that hold nobody's photographs: caches and bins.
        excluded: files and folders that people excluded.
        links: symbolic links that were not followed.
        unmatched_captions: names in caption files that fit no image, or several that differ.
        images_per_s: read, decoded, encoded and stored; None where there were none to do.
        captions_per_s: encoded and stored; None where there were none to do.
        seconds: for everything.
    """

    collection: str
    generation: int | None
    images: int
    captions: int
    captions_removed: int
    added: int
    reused: int
    deleted: int
    away: tuple[AwayFolder, ...]
    duplicates: int
    remarks: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str], ...]
    unsupported: Mapping[str, int]
    skipped: Mapping[str, int]
    excluded: int
    links: int
    unmatched_captions: tuple[str, ...]
    images_per_s: float | None
    captions_per_s: float | None
    seconds: float
