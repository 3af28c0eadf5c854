"""The catalog as plain dictionaries: what every database must answer, said in the most obvious way."""

import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter
from types import MappingProxyType

from indexer.catalog.base import BrowseOrder, CaptionRecord, ImageFacts, ImageRecord, SeenFile, content_id, text_sha256
from indexer.sources.base import NO_OPTIONS, ListingOptions
from models.types import Side


@dataclass
class State:
    """What a catalog holds; rows and names are those given last."""

    roots: list[str] = field(default_factory=list)
    caption_files: list[str] = field(default_factory=list)
    options: ListingOptions = NO_OPTIONS
    images: dict[str, ImageFacts] = field(default_factory=dict)
    files: dict[str, SeenFile] = field(default_factory=dict)
    captions: dict[str, list[str]] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    departed: dict[bytes, int | None] = field(default_factory=dict)
    image_rows: list[tuple[str, str, datetime]] = field(default_factory=list)
    caption_rows: list[str] = field(default_factory=list)

    def keys_of(self, image_id: str) -> list[str]:
        keys = [key for key, file in self.files.items() if file.sha256 and content_id(file.sha256) == image_id]
        return sorted(keys, key=os.fsencode)


class MemoryWriter:
    """A ``CatalogWriter``."""

    frozen_name = "catalog.memory"

    def __init__(self, state: State, frozen: dict[str, State]) -> None:
        self._state, self._frozen = state, frozen

    def sources(self) -> tuple[list[str], list[str]]:
        return list(self._state.roots), list(self._state.caption_files)

    def set_sources(self, roots: Sequence[str], caption_files: Sequence[str]) -> None:
        self._state.roots, self._state.caption_files = list(roots), list(caption_files)

    def listing_options(self) -> ListingOptions:
        return self._state.options

    def set_listing_options(self, options: ListingOptions) -> None:
        self._state.options = options

    def seen_files(self) -> dict[str, SeenFile]:
        return dict(self._state.files)

    def revisions(self) -> dict[bytes, int]:
        return {image.sha256: image.decoder_revision for image in self._state.images.values()}

    def record(
        self,
        facts: Iterable[ImageFacts],
        seen: Iterable[SeenFile],
        former: Mapping[bytes, bytes] = MappingProxyType({}),
    ) -> None:
        facts = list(facts)
        for image in facts:
            self._state.images.setdefault(content_id(image.sha256), image)
            self._state.departed.pop(image.sha256, None)
        self._state.files.update({file.key: file for file in seen})
        for image in facts:
            if image.told_by:
                self._tell(image)
        self._state.former |= {content_id(old): content_id(sha256) for old, sha256 in former.items()}

    def _tell(self, image: ImageFacts) -> None:
        image_id = content_id(image.sha256)
        known = self._state.images[image_id]
        told = replace(image, added_at=known.added_at, remark=image.remark or known.remark)
        if self._state.keys_of(image_id)[:1] != [image.told_by]:
            told = replace(known, decoder_revision=image.decoder_revision)
        self._state.images[image_id] = told

    def forget(self, keys: Sequence[str]) -> int:
        for key in keys:
            self._state.files.pop(key, None)
        going = [image for image in self._state.images if not self._state.keys_of(image)]
        renamed = [image for image in going if image in self._state.former]
        for image in going:
            sha256 = self._state.images.pop(image).sha256
            if image not in renamed:
                self._state.departed[sha256] = None
            self._state.captions.pop(image, None)
        self._state.former = {old: now for old, now in self._state.former.items() if now not in going}
        return len(going) - len(renamed)

    def departed(self, generation: int, keep: int) -> set[bytes]:
        gone = {image: generation if went is None else went for image, went in self._state.departed.items()}
        self._state.departed = {image: went for image, went in gone.items() if went > generation - keep}
        return set(self._state.departed)

    def captions(self) -> dict[str, list[str]]:
        return dict(self._state.captions)

    def caption_texts(self) -> frozenset[str]:
        return frozenset(text for texts in self._state.captions.values() for text in texts)

    def set_captions(self, by_image: Mapping[str, Sequence[str]]) -> None:
        self._state.captions = {image: list(texts) for image, texts in by_image.items() if texts}

    def titles(self) -> dict[str, str]:
        return {image: facts.title for image, facts in self._state.images.items() if facts.title}

    def number_rows(self, path_of: Callable[[str], str]) -> tuple[list[bytes], list[str]]:
        first = {image: self._state.keys_of(image)[0] for image in self._state.images}
        ordered = sorted(first, key=lambda image: os.fsencode(first[image]))
        self._state.image_rows = [(image, path_of(first[image]), self._changed(first[image])) for image in ordered]
        texts = {text for texts in self._state.captions.values() for text in texts}
        self._state.caption_rows = sorted(texts, key=lambda text: content_id(text_sha256(text)))
        return [self._state.images[image].sha256 for image in ordered], list(self._state.caption_rows)

    def _changed(self, key: str) -> datetime:
        return datetime.fromtimestamp(self._state.files[key].mtime_ns // 1000 / 1e6, UTC)

    def fingerprint(self, models: object) -> str:
        state = self._state
        holders = {image: state.keys_of(image) for image in sorted(state.images)}
        captions = {image: state.captions[image] for image in sorted(state.captions)}
        facts = [
            repr(replace(state.images[image], added_at=None, decoder_revision=0, told_by=None)) for image in holders
        ]
        return json.dumps([models, state.roots, holders, captions, facts, sorted(state.former.items())])

    def freeze(self, locator: str) -> None:
        assert locator not in self._frozen
        self._frozen[locator] = deepcopy(self._state)

    def close(self) -> None:
        pass


class MemoryReader:
    """A ``CatalogReader``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.image_count, self.caption_count = len(state.image_rows), len(state.caption_rows)

    def images_at(self, rows: Sequence[int]) -> list[ImageRecord]:
        return self.images_with_ids([dict(enumerate(self._state.image_rows))[row][0] for row in rows])

    def captions_at(self, rows: Sequence[int]) -> list[CaptionRecord]:
        return [self._caption(row, dict(enumerate(self._state.caption_rows))[row]) for row in rows]

    def caption(self, caption_id: str) -> CaptionRecord | None:
        records = self.captions_at(range(self.caption_count))
        return next((record for record in records if record.id == caption_id), None)

    def has_caption_with(self, word: str) -> bool:
        texts = (record.text for record in self.captions_at(range(self.caption_count)))
        return any(word.lower() in re.findall(r"\w+", text.lower()) for text in texts)

    def images_with_ids(self, ids: Sequence[str]) -> list[ImageRecord]:
        records = {record.id: record for record in map(self._image, range(self.image_count))}
        return [records.get(image_id) or records[self._state.former[image_id]] for image_id in ids]

    def image(self, image_id: str) -> ImageRecord | None:
        held = {image for image, *_ in self._state.image_rows}
        known = image_id in held or self._state.former.get(image_id) in held
        return self.images_with_ids([image_id])[0] if known else None

    def browse(self, order: BrowseOrder, after: int | None, limit: int) -> list[ImageRecord]:
        records = sorted(map(self._image, range(self.image_count)), key=lambda image: (image.name, image.row))
        if order != "name":
            date_of = attrgetter(f"{order}_at")
            dated = [record for record in records if date_of(record)]
            dated.sort(key=date_of, reverse=True)  # keeps the order of those that are equal
            records = [*dated, *(record for record in records if not date_of(record))]
        start = 0 if after is None else [record.row for record in records].index(after) + 1
        return records[start : start + limit]

    def original_keys(self, image_id: str) -> list[str]:
        return self._state.keys_of(image_id)

    def roots(self) -> list[str]:
        return list(self._state.roots)

    def row_keys(self, side: Side) -> list[bytes]:
        if side == "text":
            return [text_sha256(text) for text in self._state.caption_rows]
        return [self._state.images[image].sha256 for image, _ in self._state.image_rows]

    def damage(self) -> str | None:
        return None

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _image(self, row: int) -> ImageRecord:
        image_id, path, modified_at = self._state.image_rows[row]
        facts = self._state.images[image_id]
        return ImageRecord(
            id=image_id,
            row=row,
            width=facts.width,
            height=facts.height,
            format=facts.format,
            taken_at=facts.taken_at,
            camera=facts.camera,
            name=path.rpartition("/")[2],
            captions=tuple(self._state.captions.get(image_id, ())),
            path=path,
            modified_at=modified_at,
            added_at=facts.added_at,
            orientation=facts.orientation,
            lens=facts.lens,
            iso=facts.iso,
            latitude=facts.latitude,
            longitude=facts.longitude,
            tags=facts.tags,
            title=facts.title,
            remark=facts.remark,
        )

    def _caption(self, row: int, text: str) -> CaptionRecord:
        images = sorted(image for image, texts in self._state.captions.items() if text in texts)
        return CaptionRecord(content_id(text_sha256(text)), row, text, tuple(images))


class MemoryDatabase:
    """A ``CatalogDatabase``; a locator is any name."""

    def __init__(self) -> None:
        self._working: State | None = None
        self._frozen: dict[str, State] = {}

    def lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def keep_only(self, locators: Collection[str]) -> None:
        self._frozen = {locator: self._frozen[locator] for locator in locators}

    def drop(self) -> None:
        self._working, self._frozen = None, {}

    def has_working(self) -> bool:
        return self._working is not None

    def adopt(self, locator: str) -> bool:
        self._working = deepcopy(self._frozen[locator])
        return True

    def open_writer(self) -> MemoryWriter:
        self._working = self._working or State()
        return MemoryWriter(self._working, self._frozen)

    def open_reader(self, locator: str) -> MemoryReader:
        return MemoryReader(self._frozen[locator])
