"""Collections whose catalog is in PostgreSQL: the same commands and answers, whatever is killed on the way."""

import shutil

import psycopg
import pytest
from test_indexer_killed import run
from test_indexer_postgres_catalog import schemas_of, sql  # noqa: F401 - a fixture
from toy_encoder import ToyEncoder

from indexer.catalog.opening import URL_VARIABLE
from indexer.collections import collection_dir, collection_roots, delete_collection, list_collections, verify_collection
from indexer.errors import (
    CatalogAwayError,
    CatalogGoneError,
    CatalogUrlMissingError,
    DamagedGenerationError,
    EmptyCollectionError,
    GenerationChoiceError,
)
from indexer.generations import list_generations, roll_back
from indexer.identity import CATALOG_IDENTITY
from indexer.store.generation import open_current
from indexer.transfer import export_collection, import_collection


@pytest.fixture
def url(postgres, monkeypatch) -> str:
    monkeypatch.setenv(URL_VARIABLE, postgres.url)
    return postgres.url


def content(data_dir, name: str) -> tuple:
    with open_current(collection_dir(data_dir, name)) as generation:
        catalog = generation.catalog
        images = catalog.images_at(range(catalog.image_count))
        captions = catalog.captions_at(range(catalog.caption_count))
        return images, captions, generation.vector_set("toy", "image").vectors(range(len(images))).tolist()


def test_a_collection_lives_in_postgresql_from_its_first_index_to_its_end(workshop, url, write, sql):  # noqa: F811
    workshop.paint_all()
    captions = write("captions.csv", "file,caption\nred.png,fire\n")
    assert workshop.index(captions=captions).generation == 1
    assert workshop.index().generation is None
    assert sorted(path.name for path in (workshop.root / "generations" / "000001").iterdir()) == [
        "catalog.json", "manifest.json", "toy.image.vectors.npy", "toy.text.vectors.npy",
    ]  # fmt: skip
    assert workshop.captions() == {"blue.png": (), "green.png": (), "red.png": ("fire",), "yellow.png": ()}
    for number in (2, 3, 4):
        workshop.paint(f"{number}.png", (number, 9, 9))
        assert workshop.index().generation == number
    assert [name.split("_")[2] for name in schemas_of(sql, workshop.root)] == ["000003", "000004", "working"]
    assert collection_roots(workshop.data_dir, "toy") == [str(workshop.photos)]
    assert verify_collection(workshop.data_dir, "toy").problems == ()
    assert roll_back(workshop.data_dir, "toy").generation == 3
    assert "4.png" not in workshop.names()
    assert [(one.number, one.current) for one in list_generations(workshop.data_dir, "toy")] == [(4, False), (3, True)]
    (summary,) = list_collections(workshop.data_dir)
    assert (summary.generation, summary.images) == (3, 6)
    workshop.root.joinpath("work").rename(workshop.root / "lost")
    assert workshop.index().generation == 5
    assert workshop.encoder.images_encoded == 7 + 1  # this machine has the vectors of generation 3 alone
    start = (workshop.root / CATALOG_IDENTITY).read_text()
    delete_collection(workshop.data_dir, "toy")
    assert not [name for (name,) in sql("SELECT nspname FROM pg_namespace") if start in name]


def test_a_collection_moves_into_postgresql_and_out_by_an_export(workshop, monkeypatch, postgres, tmp_path):
    workshop.paint_all()
    workshop.index()
    before = content(workshop.data_dir, "toy")
    monkeypatch.setenv(URL_VARIABLE, postgres.url)
    assert content(workshop.data_dir, "toy") == before  # what is there stays where it is
    assert workshop.index().generation is None
    workshop.paint("black.png", (0, 0, 0))
    assert workshop.index().generation == 2
    assert workshop.encoder.images_encoded == 5
    moved = content(workshop.data_dir, "toy")
    assert [image.added_at for image in moved[0]][1:] == [image.added_at for image in before[0]]
    export_collection(workshop.data_dir, "toy", tmp_path / "toy.tar")
    monkeypatch.delenv(URL_VARIABLE)
    with pytest.raises(CatalogUrlMissingError, match="set SEMBLANCE_CATALOG_URL"):
        content(workshop.data_dir, "toy")
    with pytest.raises(CatalogUrlMissingError):
        delete_collection(workshop.data_dir, "toy")
    assert import_collection(tmp_path / "elsewhere", tmp_path / "toy.tar").images == 5
    assert content(tmp_path / "elsewhere", "toy") == moved
    assert verify_collection(tmp_path / "elsewhere", "toy").problems == ()


def test_nothing_to_index_leaves_nothing_behind(workshop, url, sql):  # noqa: F811
    before = sql("SELECT nspname FROM pg_namespace")
    with pytest.raises(EmptyCollectionError):
        workshop.index()
    assert not workshop.root.exists()
    assert sql("SELECT nspname FROM pg_namespace") == before


def test_a_catalog_that_is_another_or_gone_is_told_and_built_anew(workshop, url, sql):  # noqa: F811
    workshop.paint_all()
    workshop.index()
    (workshop.root / "generations" / "000001" / "catalog.json").write_text('{"schema": "public"}')
    with pytest.raises(DamagedGenerationError, match=r"catalog.json"):
        workshop.open()
    assert workshop.index().generation == 2
    for schema in schemas_of(sql, workshop.root):
        sql(f"DROP SCHEMA {schema} CASCADE")
    with pytest.raises(CatalogGoneError):
        workshop.open()
    with pytest.raises(CatalogGoneError):
        roll_back(workshop.data_dir, "toy", 2)
    with pytest.raises(GenerationChoiceError):
        roll_back(workshop.data_dir, "toy", 1)
    assert workshop.index().generation == 3
    assert len(workshop.names()) == 4
    assert workshop.encoder.images_encoded == 4


class KillingEncoder(ToyEncoder):
    """Kills the server in the middle of encoding, and has it started again."""

    def __init__(self, server) -> None:
        super().__init__()
        self.server, self.left = server, 3

    def encode_images(self, prepared):
        self.left -= 1
        if self.left == 0:
            self.server.kill()
            self.server.start()
        return super().encode_images(prepared)


def test_a_server_killed_while_photographs_are_indexed_costs_the_run_and_no_photograph(workshop, url, postgres):
    for number in range(150):
        workshop.paint(f"{number:03}.png", (number, 0, 9))
    encoder = KillingEncoder(postgres)
    with pytest.raises(CatalogAwayError, match="what was stored is kept"):
        workshop.index(encoders=[encoder])
    again = ToyEncoder()
    report = workshop.index(encoders=[again])
    assert (report.images, report.generation) == (150, 1)
    assert 0 < again.images_encoded < 150
    assert verify_collection(workshop.data_dir, "toy").problems == ()


@pytest.mark.slow
def test_after_a_kill_at_any_step_of_publishing_the_index_is_whole_and_the_next_run_succeeds(
    workshop, url, tmp_path, sql  # noqa: F811
):  # fmt: skip
    for number in (1, 2, 3):
        workshop.paint(f"{number}.png", (number, 0, 0))
    workshop.index()
    (workshop.photos / "1.png").unlink()
    workshop.paint("4.png", (4, 0, 0))
    done = run("publishing", workshop.data_dir, workshop.photos, tmp_path / "scratch", within_s=1200)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60  # files, and every statement and commit of the catalog
    left = schemas_of(sql, workshop.root)
    assert len(left) == 3, "what the killed runs left was dropped by those after them"
    shutil.rmtree(tmp_path / "scratch")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)
