"""What a catalog holds and does, whatever database keeps it.

A catalog knows which image or caption each row of the vectors is, and under which keys of the photo source the image's
files are (see ``sources.base``). It has one working state, which the indexer changes, and frozen states: one for each
generation, which readers see and which never change. SQLite keeps each state in a file, PostgreSQL in a schema of one
database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol

from indexer.sources.base import ListingOptions
from models.types import Side

BrowseOrder = Literal["taken", "added", "name"]

SQLITE_NAME, POSTGRES_NAME = "catalog.sqlite", "catalog.json"
"""Of the file by which a generation's folder holds its frozen state: the state itself, or where a server keeps it."""

ID_LENGTH = 32  # hex digits of the SHA-256 that are an image's or a caption's id


@dataclass(frozen=True)
class ImageRecord:
    """What is known of an image.

    Attributes:
        id: half of the content's SHA-256 without metadata, 32 hex digits: the same wherever the file is, however often
            it is indexed and its metadata are edited.
        row: of its vector, in this generation.
        width: in pixels, upright.
        height: in pixels, upright.
        format: ``JPEG``, ``PNG``, ``WEBP``, ``GIF`` or ``HEIF``.
        taken_at: the camera's local time, or None.
        camera: make and model, or None.
        name: of the first file that holds it, without its folder.
        captions: in the order given.
        path: of that file, relative to the folder that was indexed (see ``ingest.shown_paths``); of a generation that
            an earlier version made, the name.
        modified_at: when that file was changed, UTC; as it was when the generation was made.
        added_at: when the image was first indexed, UTC; None where an earlier version did.
        orientation: ``landscape``, ``portrait`` or ``square``, of the upright sides.
        lens: its model, or None.
        iso: sensitivity, or None.
        latitude: in degrees, north of 0, or None.
        longitude: in degrees, east of 0, or None.
        tags: keywords that the file holds.
        title: that the file holds, or None; it is one of the captions.
        remark: what was wrong with a file that could be read all the same, or None.
    """

    id: str
    row: int
    width: int
    height: int
    format: str
    taken_at: datetime | None
    camera: str | None
    name: str
    captions: tuple[str, ...]
    path: str
    modified_at: datetime | None
    added_at: datetime | None
    orientation: str | None
    lens: str | None
    iso: int | None
    latitude: float | None
    longitude: float | None
    tags: tuple[str, ...]
    title: str | None
    remark: str | None


@dataclass(frozen=True)
class CaptionRecord:
    """A caption and the images that it describes, by id; ``id`` is half of the text's SHA-256."""

    id: str
    row: int
    text: str
    image_ids: tuple[str, ...]


@dataclass(frozen=True)
class SeenFile:
    """A file as it was when last read: an image or a failure.

    Attributes:
        key: of the photo source.
        size: in bytes.
        mtime_ns: when it was changed.
        sha256: of the image (see ``ingest.content_key``), None of a failure.
        failure: why it is no image.
        failure_kind: what could make it one (see ``ingest.failures``); None also where an earlier version noted it.
        decoder: which decoders there were when it failed.
    """

    key: str
    size: int
    mtime_ns: int
    sha256: bytes | None
    failure: str | None = None
    failure_kind: str | None = None
    decoder: str | None = None


@dataclass(frozen=True)
class ImageFacts:
    """What an image's file told of it; see ``ImageRecord``.

    Attributes:
        told_by: key of that file.
        decoder_revision: of the decoder that read it.
    """

    sha256: bytes
    width: int
    height: int
    format: str
    taken_at: datetime | None = None
    camera: str | None = None
    lens: str | None = None
    iso: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    tags: tuple[str, ...] = ()
    title: str | None = None
    remark: str | None = None
    added_at: datetime | None = None
    decoder_revision: int = 0
    told_by: str | None = None

    @property
    def orientation(self) -> str:
        """``landscape``, ``portrait`` or ``square``."""
        if self.width == self.height:
            return "square"
        return "landscape" if self.width > self.height else "portrait"


def content_id(sha256: bytes) -> str:
    """Return the id of an image or a caption."""
    return sha256.hex()[:ID_LENGTH]


def text_sha256(caption: str) -> bytes:
    """Return the SHA-256 of a caption, of which its id is a half."""
    return hashlib.sha256(caption.encode()).digest()


class CatalogReader(Protocol):
    """Answers from one frozen state; safe in many threads until it is closed."""

    @property
    def image_count(self) -> int:
        """Number of images; their rows are 0 to ``image_count - 1``."""
        ...

    @property
    def caption_count(self) -> int:
        """Number of distinct captions; their rows are 0 to ``caption_count - 1``."""
        ...

    def images_at(self, rows: Sequence[int]) -> list[ImageRecord]:
        """Return the images of rows, in the order given. On the path of every search: one query of the database.

        Raises:
            KeyError: a row does not exist.
        """
        ...

    def captions_at(self, rows: Sequence[int]) -> list[CaptionRecord]:
        """Return the captions of rows, in the order given; the images of each are in the order of their ids.

        Raises:
            KeyError: a row does not exist.
        """
        ...

    def caption(self, caption_id: str) -> CaptionRecord | None:
        """Return one caption, None where none has that id."""
        ...

    def has_caption_with(self, word: str) -> bool:
        """Tell whether a caption holds a word as a whole, whatever its case."""
        ...

    def images_with_ids(self, ids: Sequence[str]) -> list[ImageRecord]:
        """Return the images of ids, in the order given, by one query of the database unless an id is a former one.

        Raises:
            KeyError: no image has one of these ids.
        """
        ...

    def image(self, image_id: str) -> ImageRecord | None:
        """Return one image, None where none has or had that id."""
        ...

    def browse(self, order: BrowseOrder, after: int | None, limit: int) -> list[ImageRecord]:
        """Return images in an order, whatever they show.

        Args:
            order: ``taken`` and ``added`` have the newest first and those without a date last; ``name``. What an order
                does not tell apart is in the order of the names (by code points), then of the rows.
            after: the row that these images follow in the order; None for the first ones.
            limit: how many at most.
        """
        ...

    def original_keys(self, image_id: str) -> list[str]:
        """Return the keys of the files that hold an image, in the order of their bytes; none for an unknown id."""
        ...

    def roots(self) -> list[str]:
        """Return the roots of the photo source that the collection was made from, in the order given."""
        ...

    def row_keys(self, side: Side) -> list[bytes]:
        """Return under which keys encoded rows are stored, in row order: SHA-256 of images, or of captions' texts."""
        ...

    def damage(self) -> str | None:
        """Look at everything, and return what is wrong first; None where the state is what was frozen."""
        ...

    def check(self) -> None:
        """Ask the database for nothing.

        Raises:
            EngineAwayError: it does not answer.
        """
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class CatalogWriter(Protocol):
    """Changes the working state. Every method is one transaction; one process at a time, any of its threads."""

    @property
    def frozen_name(self) -> str:
        """The name of the file that a frozen state has in its generation's folder."""
        ...

    def sources(self) -> tuple[list[str], list[str]]:
        """Return the roots and the caption files of the last run, each in the order given."""
        ...

    def set_sources(self, roots: Sequence[str], caption_files: Sequence[str]) -> None:
        """Note the roots and the caption files of this run instead."""
        ...

    def listing_options(self) -> ListingOptions:
        """Return what was listed in the last run."""
        ...

    def set_listing_options(self, options: ListingOptions) -> None:
        """Note what is listed in this run instead."""
        ...

    def seen_files(self) -> dict[str, SeenFile]:
        """Return every file by key."""
        ...

    def revisions(self) -> dict[bytes, int]:
        """Return the revision of the decoder that read it, by the SHA-256 of each image."""
        ...

    def record(
        self,
        facts: Iterable[ImageFacts],
        seen: Iterable[SeenFile],
        former: Mapping[bytes, bytes] = MappingProxyType({}),
    ) -> None:
        """Note images and files.

        Args:
            facts: of images. Those of an image that is known are kept, unless the file that told these is its first;
                when it was added, and a remark where there is no other, are kept in any case.
            seen: replaces what is known of the same keys; the image of each is known already or among ``facts``.
            former: SHA-256 of images by that which an earlier version knew them by: it is their id, too.
        """
        ...

    def forget(self, keys: Sequence[str]) -> int:
        """Forget files, the images that no file holds any more and their captions; return how many images went.

        One that is known by another SHA-256 now has not gone.
        """
        ...

    def departed(self, generation: int, keep: int) -> set[bytes]:
        """Return the SHA-256 of the images that are gone, but for those that have been for some generations.

        An image that is recorded again is not gone any more.

        Args:
            generation: number of the current one, the first without the images that were forgotten since the last call.
            keep: how many generations an image stays here, of which the first without it is one.
        """
        ...

    def captions(self) -> Mapping[str, Sequence[str]]:
        """Return the captions of each image that has any, in order, by id."""
        ...

    def caption_texts(self) -> frozenset[str]:
        """Return every caption that an image has."""
        ...

    def set_captions(self, by_image: Mapping[str, Sequence[str]]) -> None:
        """Give images (by id) their captions, in order and each once; all other images have none."""
        ...

    def titles(self) -> dict[str, str]:
        """Return the title of each image that has one, by id."""
        ...

    def number_rows(self, path_of: Callable[[str], str]) -> tuple[list[bytes], list[str]]:
        """Give images and captions their rows; return the images' SHA-256 and the captions' texts in row order.

        Images are in the order of their first key (by its bytes), captions in that of their ids. Images that no file
        holds any more have been forgotten before.

        Args:
            path_of: turns an image's first key into the path that readers see, with ``/`` between folders, text that
                UTF-8 can carry; the end of it is the image's name.
        """
        ...

    def fingerprint(self, models: object) -> str:
        """Return a digest of all that readers see: roots, images with keys, facts and captions, and the models.

        When files were changed and images first indexed is left out: it makes no new state.

        Args:
            models: what identifies them, as JSON can carry it.
        """
        ...

    def freeze(self, locator: str) -> None:
        """Keep the present state for readers, for good.

        Args:
            locator: under which no state is kept yet (see ``CatalogDatabase``).
        """
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class CatalogDatabase(Protocol):
    """Keeps the working state and the frozen states of one collection's catalog.

    A locator says where a frozen state is: it is the path of a file in a generation's folder, so that the manifest
    vouches for it. SQLite keeps the state itself there; PostgreSQL a note of the schema that holds it.
    """

    def lock(self) -> AbstractContextManager[None]:
        """Hold what keeps other indexers out, on whatever machine, where the folder's lock is not enough.

        The working state is written, and frozen states are dropped, within it.

        Raises:
            CollectionBusyError: another process holds it.
        """
        ...

    def has_working(self) -> bool:
        """Tell whether there is a working state."""
        ...

    def adopt(self, locator: str) -> bool:
        """Make a copy of a frozen state the working one, where there is none; False where it is of a newer version."""
        ...

    def open_writer(self) -> CatalogWriter:
        """Open the working state; it is made where there is none, or brought up to the present schema.

        Raises:
            StorageError: it is damaged, or of a newer version; the message says what to do.
        """
        ...

    def open_reader(self, locator: str) -> CatalogReader:
        """Open a frozen state.

        Raises:
            StorageError: it is not where the locator says.
        """
        ...

    def keep_only(self, locators: Collection[str]) -> None:
        """Drop every frozen state but some, which exist; one that a reader has open stays until a later call."""
        ...

    def drop(self) -> None:
        """Drop all that is not in the collection's folder."""
        ...
