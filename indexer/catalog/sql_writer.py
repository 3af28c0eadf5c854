"""Changes the working state of a catalog by SQL: what SQLite and PostgreSQL do alike."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Engine, Select, Table, bindparam, delete, func, literal, select, update

from indexer.catalog.base import ImageFacts, SeenFile, content_id, text_sha256
from indexer.catalog.facts import REVISE, TELL, VISIBLE_FACTS, image_line, told_line
from indexer.catalog.tables import caption_files as caption_files_table
from indexer.catalog.tables import captions, departed, files, former_ids, image_captions, images, listing_options
from indexer.catalog.tables import roots as roots_table
from indexer.sources.base import ListingOptions
from models.errors import StorageError

_OF_FILES = ["failure", "failure_kind", "decoder"]

_NOT_PUBLISHED = 0
"""Of images that are gone: no generation without them has been published."""


class SqlWriter(ABC):
    """All of a ``CatalogWriter`` but what databases say differently.

    Args:
        engine: of the working state.
        insert: the dialect's own, which knows what to do on a conflict.
    """

    def __init__(self, engine: Engine, insert: Callable[[Table], Any]) -> None:
        self._engine, self._insert = engine, insert

    @abstractmethod
    def _first_files(self) -> Select[Any]:
        """Select ``id``, ``sha256``, ``key`` and ``mtime_ns`` of every image and its first file, in the keys' order."""

    @abstractmethod
    def _damaged(self, reason: str) -> StorageError:
        """Return the error that says that the working state is not what was written."""

    def close(self) -> None:
        """See ``CatalogWriter``."""
        self._engine.dispose()

    def sources(self) -> tuple[list[str], list[str]]:
        """See ``CatalogWriter``."""
        return self._listed(roots_table), self._listed(caption_files_table)

    def set_sources(self, roots: Sequence[str], caption_files: Sequence[str]) -> None:
        """See ``CatalogWriter``."""
        with self._engine.begin() as connection:
            for table, places in ((roots_table, roots), (caption_files_table, caption_files)):
                connection.execute(delete(table))
                if places:
                    connection.execute(self._insert(table), [{"position": i, "path": p} for i, p in enumerate(places)])

    def listing_options(self) -> ListingOptions:
        """See ``CatalogWriter``."""
        noted = listing_options.c
        with self._engine.connect() as connection:
            lines = connection.execute(select(noted.name, noted.value).order_by(noted.position)).all()
        return ListingOptions(
            exclude=tuple(line.value for line in lines if line.name == "exclude"),
            follow_links=any(line.name == "follow_links" for line in lines),
        )

    def set_listing_options(self, options: ListingOptions) -> None:
        """See ``CatalogWriter``."""
        lines = [{"name": "exclude", "position": i, "value": value} for i, value in enumerate(options.exclude)]
        lines += [{"name": "follow_links", "position": 0, "value": "yes"}] if options.follow_links else []
        with self._engine.begin() as connection:
            connection.execute(delete(listing_options))
            if lines:
                connection.execute(self._insert(listing_options), lines)

    def seen_files(self) -> dict[str, SeenFile]:
        """See ``CatalogWriter``."""
        statement = select(
            files.c.path, files.c.size, files.c.mtime_ns, images.c.sha256, *(files.c[name] for name in _OF_FILES)
        )
        with self._engine.connect() as connection:
            lines = connection.execute(statement.select_from(files.outerjoin(images))).all()
        return {line.path: SeenFile(*line) for line in lines}

    def revisions(self) -> dict[bytes, int]:
        """See ``CatalogWriter``."""
        with self._engine.connect() as connection:
            lines = connection.execute(select(images.c.sha256, images.c.decoder_revision))
            return {line.sha256: line.decoder_revision for line in lines}

    def record(
        self,
        facts: Iterable[ImageFacts],
        seen: Iterable[SeenFile],
        former: Mapping[bytes, bytes] = MappingProxyType({}),
    ) -> None:
        """See ``CatalogWriter``."""
        facts = list(facts)
        new_images = [image_line(image) for image in facts]
        renamed = [{"id": content_id(old), "image_id": content_id(sha256)} for old, sha256 in former.items()]
        new_files = [
            {
                "path": file.key,
                "size": file.size,
                "mtime_ns": file.mtime_ns,
                "image_id": content_id(file.sha256) if file.sha256 else None,
                **{name: getattr(file, name) for name in _OF_FILES},
            }
            for file in seen
        ]
        with self._engine.begin() as connection:
            ids = [image["id"] for image in new_images]
            told_again = {one for one, count in Counter(ids).items() if count > 1}
            told_again.update(connection.scalars(select(images.c.id).where(images.c.id.in_(ids))))
            if new_images:
                known = self._insert(images)
                mended = {"sha256": known.excluded.sha256}  # the id is half of it: the other half may have been damaged
                connection.execute(known.on_conflict_do_update(index_elements=["id"], set_=mended), new_images)
                connection.execute(delete(departed).where(departed.c.sha256.in_([one.sha256 for one in facts])))
            if new_files:
                upsert = self._insert(files)
                changed = {name: upsert.excluded[name] for name in ("size", "mtime_ns", "image_id", *_OF_FILES)}
                connection.execute(upsert.on_conflict_do_update(index_elements=["path"], set_=changed), new_files)
            if told := [told_line(one) for one in facts if one.told_by and content_id(one.sha256) in told_again]:
                connection.execute(TELL, told)
                connection.execute(REVISE, told)
            if renamed:
                connection.execute(self._replacing(former_ids), renamed)

    def forget(self, keys: Sequence[str]) -> int:
        """See ``CatalogWriter``."""
        unheld = ~select(files.c.path).where(files.c.image_id == images.c.id).exists()
        unused = ~select(image_captions.c.image_id).where(image_captions.c.caption_id == captions.c.id).exists()
        with self._engine.begin() as connection:
            if keys:
                statement = delete(files).where(files.c.path == bindparam("gone"))
                connection.execute(statement, [{"gone": key} for key in keys])
            going = select(images.c.id).where(unheld)
            renamed = select(func.count()).select_from(former_ids).where(former_ids.c.id.in_(going))
            known_anew = connection.scalar(renamed) or 0
            noted = select(images.c.sha256, literal(_NOT_PUBLISHED)).where(
                unheld, images.c.id.not_in(select(former_ids.c.id))
            )
            connection.execute(delete(former_ids).where(former_ids.c.image_id.in_(going)))
            connection.execute(self._replacing(departed, noted))
            connection.execute(delete(image_captions).where(image_captions.c.image_id.in_(going)))
            connection.execute(delete(captions).where(unused))
            return connection.execute(delete(images).where(unheld)).rowcount - known_anew

    def departed(self, generation: int, keep: int) -> set[bytes]:
        """See ``CatalogWriter``."""
        new = departed.c.generation == _NOT_PUBLISHED
        with self._engine.begin() as connection:
            connection.execute(update(departed).where(new).values(generation=generation))
            connection.execute(delete(departed).where(departed.c.generation <= generation - keep))
            return set(connection.scalars(select(departed.c.sha256)))

    def caption_texts(self) -> frozenset[str]:
        """See ``CatalogWriter``."""
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(select(captions.c.text)))

    def captions(self) -> dict[str, tuple[str, ...]]:
        """See ``CatalogWriter``."""
        statement = select(image_captions.c.image_id, captions.c.text).join_from(image_captions, captions)
        found: dict[str, list[str]] = {}
        with self._engine.connect() as connection:
            for image, caption in connection.execute(statement.order_by(image_captions.c.position)):
                found.setdefault(image, []).append(caption)
        return {image: tuple(texts) for image, texts in found.items()}

    def set_captions(self, by_image: Mapping[str, Sequence[str]]) -> None:
        """See ``CatalogWriter``."""
        wanted = {image: tuple(texts) for image, texts in by_image.items() if texts}
        if wanted == self.captions():
            return
        ids = {caption: content_id(text_sha256(caption)) for texts in wanted.values() for caption in texts}
        links = [
            {"image_id": image, "position": position, "caption_id": ids[caption]}
            for image, texts in wanted.items()
            for position, caption in enumerate(texts)
        ]
        with self._engine.begin() as connection:
            connection.execute(delete(image_captions))
            connection.execute(delete(captions))
            if links:
                connection.execute(
                    self._insert(captions), [{"id": key, "text": caption} for caption, key in ids.items()]
                )
                connection.execute(self._insert(image_captions), links)

    def titles(self) -> dict[str, str]:
        """See ``CatalogWriter``."""
        with self._engine.connect() as connection:
            titled = select(images.c.id, images.c.title).where(images.c.title.is_not(None))
            return {line.id: line.title for line in connection.execute(titled)}

    def number_rows(self, path_of: Callable[[str], str]) -> tuple[list[bytes], list[str]]:
        """See ``CatalogWriter``."""
        texts_of = self.captions()
        with self._engine.begin() as connection:
            pictures = connection.execute(self._first_files()).all()
            texts = connection.execute(select(captions.c.id, captions.c.text).order_by(captions.c.id)).all()
            # Rows are unique at every moment, so the old ones go first.
            connection.execute(update(images).values(row=None))
            connection.execute(update(captions).values(row=None))
            if pictures:
                connection.execute(
                    update(images)
                    .where(images.c.id == bindparam("id_"))
                    .values(
                        row=bindparam("at"),
                        name=bindparam("label"),
                        path=bindparam("place"),
                        modified_at=bindparam("changed"),
                        captions=bindparam("texts"),
                    ),
                    [
                        {
                            "id_": line.id,
                            "at": row,
                            "label": path.rpartition("/")[2],
                            "place": path,
                            "changed": _utc(line.mtime_ns),
                            "texts": texts_of.get(line.id, ()),
                        }
                        for row, (line, path) in enumerate((line, path_of(line.key)) for line in pictures)
                    ],
                )
            if texts:
                connection.execute(
                    update(captions).where(captions.c.id == bindparam("id_")).values(row=bindparam("at")),
                    [{"id_": caption, "at": row} for row, (caption, _) in enumerate(texts)],
                )
        return [line.sha256 for line in pictures], [line.text for line in texts]

    def fingerprint(self, models: object) -> str:
        """See ``CatalogWriter``."""
        digest = hashlib.sha256(json.dumps(models).encode())
        visible = (
            select(roots_table).order_by(roots_table.c.position),
            select(images.c.id, files.c.path).join_from(files, images).order_by(files.c.path),
            select(*VISIBLE_FACTS).order_by(images.c.id),
            select(former_ids).order_by(former_ids.c.id),
            select(image_captions).order_by(image_captions.c.image_id, image_captions.c.position),
        )
        with self._engine.connect() as connection:
            for statement in visible:
                digest.update(b"\n")
                try:
                    for line in connection.execute(statement):
                        digest.update(repr(tuple(line)).encode())
                except ValueError as error:  # a time that is none: SQLite looks at no column's content
                    raise self._damaged(str(error)) from None
        return digest.hexdigest()

    def _replacing(self, table: Table, lines: Select[Any] | None = None) -> Any:
        """Return the statement that inserts lines, given or selected, in the place of those of the same key."""
        statement = self._insert(table)
        if lines is not None:
            statement = statement.from_select(table.columns.keys(), lines)
        keys = [column.name for column in table.primary_key]
        values = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
        return statement.on_conflict_do_update(index_elements=keys, set_=values)

    def _listed(self, table: Table) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.scalars(select(table.c.path).order_by(table.c.position)))


def _utc(mtime_ns: int) -> datetime | None:
    """Return the time that a storage told, None for one that no calendar holds."""
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:
        return None
