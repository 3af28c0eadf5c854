"""Damages every kind of file of a collection: ``python benchmarks/damaged_files.py [--flips 1000] [--cuts 100]``.

One bit is flipped, or the end cut off, in one file at a time. A published file must be refused by name, or answer as
before. After damage to the indexer's own files the next run must succeed and publish what an uninterrupted one would,
or say in one line what to do. Results go to ``benchmarks/results/damaged_files.csv``.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.drawn_photographs import draw_photographs
from benchmarks.figures import Figure, format_csv
from benchmarks.provenance import provenance
from indexer.collections import collection_dir
from indexer.indexing import index_collection
from indexer.ingest.request import IndexRequest
from indexer.store.generation import open_current
from models.errors import SemblanceError
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import ModelLibrary

RESULTS = Path(__file__).parent / "results" / "damaged_files.csv"
_COLLECTION = "drawn"
_IMAGES = 24
_LOCK = "lock"

Answers = tuple[tuple[tuple[str, ...], ...], frozenset[str]]
"""What searching for each image finds, and all captions."""


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--cuts", type=int, default=100)
    arguments = parser.parse_args()
    library = InstalledModels(Execution(device="cpu"))
    figures = measure(library, arguments.flips, arguments.cuts)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/damaged_files.py")), encoding="utf-8")


def measure(library: ModelLibrary, flips: int, cuts: int) -> list[Figure]:
    """Return what came of so many flipped bits and cut ends of each kind of file."""
    with tempfile.TemporaryDirectory() as scratch:
        collection = _Collection(Path(scratch), library)
        figures = []
        for name, files in collection.files().items():
            outcomes: Counter[str] = Counter()
            chance = random.Random(name)
            for number in range(flips + cuts):
                damage = _flip if number < flips else _cut
                outcomes[collection.try_damage(chance.choice(files), damage, chance)] += 1
            told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
            figures.append(Figure(f"{name}: wrong answers, crashes, wedged", outcomes["wrong"], "files", "<= 0", told))
        return figures


class _Collection:
    """A small collection that is damaged and restored again and again."""

    def __init__(self, scratch: Path, library: ModelLibrary) -> None:
        self._data, self._photographs, self._library = scratch / "data", scratch / "photographs", library
        self._sound = scratch / "sound"
        for number, file in enumerate(draw_photographs(self._photographs, _IMAGES)):
            file.with_suffix(".txt").write_text(f"picture {number}\n")
        self._index()
        self._root = collection_dir(self._data, _COLLECTION)
        self._answers = self._ask()
        shutil.copytree(self._root, self._sound)

    def files(self) -> dict[str, list[Path]]:
        """Return the files by kind, relative to the collection's folder."""
        kinds: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(self._root.rglob("*")):
            relative = path.relative_to(self._root)
            if path.is_file() and path.name != _LOCK and path.stat().st_size:
                kinds[_kind(relative)].append(relative)
        return dict(kinds)

    def try_damage(self, file: Path, damage: Callable[[bytes, random.Random], bytes], chance: random.Random) -> str:
        """Damage one file and tell what came of it; the collection is sound again afterwards."""
        target = self._root / file
        target.write_bytes(damage(target.read_bytes(), chance))
        try:
            return self._after_damage_to_work() if file.parts[0] == "work" else self._after_damage()
        except Exception:  # noqa: BLE001 - any other error is a crash, and counted
            return "wrong"
        finally:
            shutil.rmtree(self._root)
            shutil.copytree(self._sound, self._root)

    def _after_damage(self) -> str:
        try:
            answers = self._ask()
        except SemblanceError as error:
            return "refused" if _is_one_line(error) else "wrong"
        return "without effect" if answers == self._answers else "wrong"

    def _after_damage_to_work(self) -> str:
        """Index again, with one picture more, so that there is something to publish."""
        added = self._photographs / "added.jpg"
        shutil.copy(self._photographs / "0000.jpg", added)
        added.with_suffix(".txt").write_text("picture 0\n")
        try:
            self._index()
            answers, outcome = self._ask(), "mended"
        except SemblanceError as error:
            if not _is_one_line(error):
                return "wrong"
            answers, outcome = self._ask(), "refused, and the old state answers"
        finally:
            added.unlink()
            added.with_suffix(".txt").unlink()
        return outcome if answers == self._answers else "wrong"

    def _index(self) -> None:
        index_collection(IndexRequest(self._data, _COLLECTION, (self._photographs,)), self._library)

    def _ask(self) -> Answers:
        """Search for each image by its own vector."""
        with open_current(collection_dir(self._data, _COLLECTION)) as generation:
            images = generation.vector_set(generation.models[0], "image")
            catalog = generation.catalog
            records = catalog.images_at(range(catalog.image_count))
            _, rows = images.store.search(np.asarray(images.matrix), 5)
            found = {
                record.id: tuple(records[row].id for row in near) for record, near in zip(records, rows, strict=True)
            }
            captions = catalog.captions_at(range(catalog.caption_count))
            return tuple(found[key] for key in sorted(found)), frozenset(caption.text for caption in captions)


def _kind(file: Path) -> str:
    """Return what a file is, whatever model or number it bears."""
    place = "work" if file.parts[0] == "work" else "generation"
    name = re.sub(r"\.[0-9a-f]{16}", "", file.name)  # a log's name bears what made its rows
    return name if len(file.parts) == 1 else f"{place}: {'.'.join(name.split('.')[-2:])}"


def _is_one_line(error: SemblanceError) -> bool:
    return bool(str(error)) and "\n" not in str(error)


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


if __name__ == "__main__":
    main()
