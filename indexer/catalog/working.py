"""The indexer's own catalog: which files it has seen, and what the next generation's snapshot will hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.dialects.sqlite import insert

from indexer.catalog.session import open_working
from indexer.catalog.tables import ID_LENGTH, caption_files, captions, files, image_captions, images, roots


@dataclass(frozen=True)
class SeenFile:
    """A file as it was when last read: an image (``sha256`` of its content) or a failure, with the reason."""

    path: str
    size: int
    mtime_ns: int
    sha256: bytes | None
    failure: str | None = None


@dataclass(frozen=True)
class ImageFacts:
    """What an image's file told of it; sizes in pixels, upright."""

    sha256: bytes
    width: int
    height: int
    format: str
    taken_at: datetime | None
    camera: str | None


def content_id(sha256: bytes) -> str:
    """Return the id of an image or a caption."""
    return sha256.hex()[:ID_LENGTH]


def text_sha256(caption: str) -> bytes:
    """Return the key of a caption."""
    return hashlib.sha256(caption.encode()).digest()


class WorkingCatalog:
    """Reads and writes ``work/catalog.sqlite``; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = open_working(path)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def sources(self) -> tuple[list[str], list[str]]:
        """Return the folders and the caption files of the last run."""
        with self._engine.connect() as connection:
            return tuple(  # type: ignore[return-value]
                list(connection.scalars(select(table.c.path).order_by(table.c.position)))
                for table in (roots, caption_files)
            )

    def set_sources(self, folders: Sequence[str], captions_from: Sequence[str]) -> None:
        """Note the folders and the caption files of this run."""
        with self._engine.begin() as connection:
            for table, paths in ((roots, folders), (caption_files, captions_from)):
                connection.execute(delete(table))
                if paths:
                    connection.execute(insert(table), [{"position": i, "path": p} for i, p in enumerate(paths)])

    def seen_files(self) -> dict[str, SeenFile]:
        """Return every file by path."""
        statement = select(files.c.path, files.c.size, files.c.mtime_ns, images.c.sha256, files.c.failure)
        with self._engine.connect() as connection:
            lines = connection.execute(statement.select_from(files.outerjoin(images))).all()
        return {line.path: SeenFile(*line) for line in lines}

    def record(self, facts: Iterable[ImageFacts], seen: Iterable[SeenFile]) -> None:
        """Note images and the files that hold them; a file seen before is overwritten."""
        new_images = [{"id": content_id(image.sha256), **vars(image)} for image in facts]
        new_files = [
            {
                "path": file.path,
                "size": file.size,
                "mtime_ns": file.mtime_ns,
                "image_id": content_id(file.sha256) if file.sha256 else None,
                "failure": file.failure,
            }
            for file in seen
        ]
        with self._engine.begin() as connection:
            if new_images:
                connection.execute(insert(images).on_conflict_do_nothing(), new_images)
            if new_files:
                upsert = insert(files)
                changed = {name: upsert.excluded[name] for name in ("size", "mtime_ns", "image_id", "failure")}
                connection.execute(upsert.on_conflict_do_update(index_elements=["path"], set_=changed), new_files)

    def forget(self, paths: Sequence[str]) -> int:
        """Forget files, images that no file holds any more and their captions; return how many images went."""
        unheld = ~select(files.c.path).where(files.c.image_id == images.c.id).exists()
        unused = ~select(image_captions.c.image_id).where(image_captions.c.caption_id == captions.c.id).exists()
        with self._engine.begin() as connection:
            if paths:
                statement = delete(files).where(files.c.path == bindparam("gone"))
                connection.execute(statement, [{"gone": path} for path in paths])
            going = select(images.c.id).where(unheld)
            connection.execute(delete(image_captions).where(image_captions.c.image_id.in_(going)))
            connection.execute(delete(captions).where(unused))
            return connection.execute(delete(images).where(unheld)).rowcount

    def set_captions(self, by_image: Mapping[str, Sequence[str]]) -> None:
        """Give images (by id) their captions, in order; all others have none."""
        wanted = {image: tuple(texts) for image, texts in by_image.items() if texts}
        if wanted == self._captions():
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
                connection.execute(insert(captions), [{"id": key, "text": caption} for caption, key in ids.items()])
                connection.execute(insert(image_captions), links)

    def _captions(self) -> dict[str, tuple[str, ...]]:
        statement = select(image_captions.c.image_id, captions.c.text).join_from(image_captions, captions)
        found: dict[str, list[str]] = {}
        with self._engine.connect() as connection:
            for image, caption in connection.execute(statement.order_by(image_captions.c.position)):
                found.setdefault(image, []).append(caption)
        return {image: tuple(texts) for image, texts in found.items()}

    def number_rows(self) -> tuple[list[bytes], list[str]]:
        """Give images and captions their rows; return the images' hashes and the captions in row order.

        Images are in the order of their first path, which also names them; captions in that of their ids.
        """
        first_path = func.min(files.c.path, type_=files.c.path.type)
        statement = select(images.c.id, images.c.sha256, first_path).join_from(files, images).group_by(images.c.id)
        texts_of = self._captions()
        with self._engine.begin() as connection:
            pictures = connection.execute(statement.order_by(first_path)).all()
            texts = connection.execute(select(captions.c.id, captions.c.text).order_by(captions.c.id)).all()
            # Rows are unique at every moment, so the old ones go first.
            connection.execute(update(images).values(row=None))
            connection.execute(update(captions).values(row=None))
            if pictures:
                connection.execute(
                    update(images)
                    .where(images.c.id == bindparam("key"))
                    .values(row=bindparam("at"), name=bindparam("label"), captions=bindparam("texts")),
                    [
                        {"key": key, "at": row, "label": _shown_name(path), "texts": texts_of.get(key, ())}
                        for row, (key, _, path) in enumerate(pictures)
                    ],
                )
            if texts:
                connection.execute(
                    update(captions).where(captions.c.id == bindparam("key")).values(row=bindparam("at")),
                    [{"key": key, "at": row} for row, (key, _) in enumerate(texts)],
                )
        return [line.sha256 for line in pictures], [line.text for line in texts]

    def fingerprint(self, models: object) -> str:
        """Return a digest of all that readers see: folders, images with paths and captions, and the models."""
        digest = hashlib.sha256(json.dumps(models).encode())
        visible = (
            select(roots).order_by(roots.c.position),
            select(images.c.id, files.c.path).join_from(files, images).order_by(files.c.path),
            select(image_captions).order_by(image_captions.c.image_id, image_captions.c.position),
        )
        with self._engine.connect() as connection:
            for statement in visible:
                digest.update(b"\n")
                for line in connection.execute(statement):
                    digest.update(repr(tuple(line)).encode())
        return digest.hexdigest()

    def snapshot(self, path: Path) -> None:
        """Write a copy for readers to a path that does not exist yet."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM INTO :path"), {"path": str(path)})


def _shown_name(path: str) -> str:
    """Return the base name as text that any encoding can carry, whatever bytes the file system holds."""
    return Path(path).name.encode("utf-8", "replace").decode()
