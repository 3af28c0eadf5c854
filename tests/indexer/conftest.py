"""A folder of tiny photographs, and short ways to index it and to open what comes of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image
from toy_encoder import ToyEncoder
from toy_indexing import index_with
from toy_matcher import ToyMatcher

from indexer.collections import collection_dir
from indexer.ingest.request import IndexReport, IndexRequest
from indexer.store.generation import Generation, open_current

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}


class Workshop:
    """A data folder, a folder of photographs and an encoder that counts what it encodes."""

    def __init__(self, folder: Path) -> None:
        self.photos, self.data_dir = folder / "photos", folder / "data"
        self.photos.mkdir()
        self.encoder = ToyEncoder()
        self.root = self.data_dir / "collections" / "toy"

    def paint(self, name: str, colour: str | tuple[int, int, int], size: tuple[int, int] = (12, 9)) -> Path:
        path = self.photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, COLOURS.get(colour, colour)).save(path)
        return path

    def paint_all(self) -> None:
        for name in COLOURS:
            self.paint(f"{name}.png", name)

    def index(
        self,
        *paths: Path | str,
        encoders: list[ToyEncoder] | None = None,
        matchers: Sequence[ToyMatcher] = (),
        **options,
    ) -> IndexReport:
        request = IndexRequest(self.data_dir, "toy", paths or (self.photos,), **options)
        return index_with(request, encoders or [self.encoder], matchers)

    def open(self) -> Generation:
        return open_current(collection_dir(self.data_dir, "toy"))

    def names(self) -> list[str]:
        with self.open() as generation:
            return [record.name for record in generation.catalog.images_at(range(generation.catalog.image_count))]

    def ids(self) -> list[str]:
        with self.open() as generation:
            return [record.id for record in generation.catalog.images_at(range(generation.catalog.image_count))]

    def captions(self) -> dict[str, tuple[str, ...]]:
        with self.open() as generation:
            records = generation.catalog.images_at(range(generation.catalog.image_count))
            return {record.name: record.captions for record in records}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write_text(name: str, content: str) -> Path:
        (tmp_path / name).write_text(content, encoding="utf-8", newline="")
        return tmp_path / name

    return write_text
