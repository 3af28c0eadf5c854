"""Where everything is on disk.

::

DATA/collections/NAME/
  CURRENT                 names the generation to read (see ``store.manifest``)
  catalog-id              which schemas of a PostgreSQL database are the collection's; only where one keeps its catalog
  generations/000007/     immutable: manifest.json, catalog.sqlite (catalog.json: see ``catalog.opening``),
                          MODEL.SIDE.vectors.npy, MATCHER.features.npy, MODEL.SIDE.faiss where the kind of index needs
                          a file
  work/                   the indexer's own: catalog.sqlite, vectors/MODEL.SIDE.IDENTITY.vectors (append-only logs)
  lock                    held by the one indexer at work
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from indexer.errors import CollectionNameError

DATA_DIR_VARIABLE = "SEMBLANCE_DATA_DIR"
FORMER_DATA_DIR = Path("var/semblance")
"""Where earlier versions kept the collections, below the folder that a command was run in."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class CollectionLayout:
    """The places of one collection, whose folder is ``root``."""

    root: Path

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.root.name

    @property
    def pointer(self) -> Path:
        """The file that names the current generation."""
        return self.root / "CURRENT"

    @property
    def generations(self) -> Path:
        """The folder of generations."""
        return self.root / "generations"

    @property
    def work(self) -> Path:
        """The indexer's working folder."""
        return self.root / "work"

    @property
    def lock(self) -> Path:
        """The lock file of the indexer."""
        return self.root / "lock"

    def generation(self, number: int) -> Path:
        """Return the folder of one generation."""
        return self.generations / f"{number:06d}"


def data_folder(chosen: Path | None = None) -> Path:
    """Return the absolute folder that holds the collections.

    It is the chosen one, ``SEMBLANCE_DATA_DIR``, or else the user's own data folder by the platform's convention; but
    below a folder where an earlier version kept collections, those.
    """
    if chosen is None and (named := os.environ.get(DATA_DIR_VARIABLE)):
        chosen = Path(named)
    if chosen is None:
        chosen = FORMER_DATA_DIR if uses_former_folder() else user_data_path("semblance", appauthor=False)
    return chosen.absolute()


def uses_former_folder() -> bool:
    """Tell whether an earlier version kept collections below the present folder."""
    return collections_folder(FORMER_DATA_DIR).is_dir()


def collections_folder(data_dir: Path) -> Path:
    """Return the folder that holds all collections."""
    return data_dir / "collections"


def collection_layout(data_dir: Path, name: str) -> CollectionLayout:
    """Return the places of the collection ``name``, which need not exist.

    Raises:
        CollectionNameError: the name is not a safe folder name.
    """
    if not _NAME.fullmatch(name):
        raise CollectionNameError(name)
    return CollectionLayout(collections_folder(data_dir) / name)


def name_of_folder(path: str | Path) -> str:
    """Return the name that a collection of a folder or an address, or of a file in it, gets where none is chosen.

    Raises:
        CollectionNameError: nothing of the folder's name can be in one.
    """
    place = Path(path).absolute()
    folder = place.parent if place.is_file() else place
    plain = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:63].rstrip("-_")
    if not _NAME.fullmatch(name):
        raise CollectionNameError(folder.name)
    return name


def file_stem(model: str) -> str:
    """Return a model's name as a safe part of a file name, distinct for distinct models (``hf:a/b``, ``hf:a-b``)."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", model):
        return model
    digest = hashlib.sha256(model.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', model).strip('-')[-48:]}-{digest}"
