"""A user without permission is told so in one line; nothing is called damaged that could not be looked at."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.collections import collection_contents, delete_collection, list_collections, verify_collection
from indexer.errors import AccessDeniedError

NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that anybody can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Run as a user without privileges; one who has none already stays who he is."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(user)


@pytest.fixture
def collection(workshop, place) -> Path:
    """A published collection in ``place``."""
    workshop.paint_all()
    workshop.index()
    shutil.copytree(workshop.data_dir, place / "data")
    return place / "data" / "collections" / "toy"


def close(path: Path) -> Path:
    path.chmod(0)
    return path


@pytest.mark.parametrize("closed", ["", "CURRENT", "generations", "generations/000001/toy.image.vectors.npy"])
def test_verify_says_who_may_look(place, collection, closed, request):
    path = close(collection / closed)
    request.getfixturevalue("as_nobody")
    with pytest.raises(AccessDeniedError, match=f"no permission for {path}.*: run semblance as"):
        verify_collection(place / "data", "toy")
    os.seteuid(os.getuid())
    path.chmod(0o755)


def test_a_collection_that_may_not_be_read_is_listed_as_such_and_not_taken_for_an_empty_one(place, collection, request):
    close(collection / "CURRENT")
    request.getfixturevalue("as_nobody")
    (summary,) = list_collections(place / "data")
    assert (summary.generation, summary.problem.startswith("no permission for ")) == (None, True)
    with pytest.raises(AccessDeniedError):
        collection_contents(place / "data", "toy")


def test_a_folder_of_collections_that_may_not_be_read_is_not_an_empty_one(place, collection, request):
    path = close(collection.parent)
    request.getfixturevalue("as_nobody")
    with pytest.raises(AccessDeniedError, match=f"no permission for {path}"):
        list_collections(place / "data")
    os.seteuid(os.getuid())
    path.chmod(0o755)


def test_delete_says_who_may_delete_and_deletes_nothing(place, collection, request):
    collection.parent.chmod(0o555)
    request.getfixturevalue("as_nobody")
    before = sorted(collection.rglob("*"))
    with pytest.raises(AccessDeniedError, match=f"no permission for {place}"):
        delete_collection(place / "data", "toy")
    assert sorted(collection.rglob("*")) == before
    assert verify_collection(place / "data", "toy").problems == ()
