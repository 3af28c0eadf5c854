"""The data folder that release a8a1e45 wrote, as if its photographs lay where the catalog says."""

import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

ARCHIVE = Path(__file__).with_name("release-a8a1e45.tar.xz")
PLACE = b"/photographs/"  # where ``make_data_folder.py`` was told to paint them


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with ``data``, ``photos`` and ``captions.csv``."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    here = os.fsencode(tmp_path) + b"/"
    with closing(sqlite3.connect(tmp_path / "data/collections/toy/work/catalog.sqlite")) as catalog, catalog:
        for table in ("roots", "caption_files", "files"):
            moved = [(path.replace(PLACE, here), path) for (path,) in catalog.execute(f"SELECT path FROM {table}")]
            catalog.executemany(f"UPDATE {table} SET path = ? WHERE path = ?", moved)
    return tmp_path
