"""The commands index, verify, list and delete, and tell a person what happened."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image
from toy_encoder import ToyEncoder
from toy_library import ToyLibrary
from typer.testing import CliRunner, Result

import models.library
from indexer import cli
from indexer.errors import CollectionNameError, CollectionNotFoundError, SourceError
from indexer.layout import data_folder, name_of_folder
from models.errors import InputError
from models.inference.execution import Execution
from models.names import DEFAULT_MODEL


@pytest.fixture
def semblance(workshop, monkeypatch):
    """Run a command in the workshop's data folder; any model's name loads the toy encoder under that name."""
    loaded = []

    def load(name: str) -> ToyEncoder:
        loaded.append(name)
        return ToyEncoder(name)

    def library(execution: Execution, _cache: Path) -> ToyLibrary:
        assert execution.device == "auto"
        return ToyLibrary(load)

    monkeypatch.setattr(models.library, "InstalledModels", library)
    monkeypatch.setenv("SEMBLANCE_DATA_DIR", str(workshop.data_dir))
    workshop.paint_all()

    def run(*arguments: object, **options) -> Result:
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], **options)

    run.loaded = loaded
    return run


def test_indexing_tells_what_was_done_and_what_was_skipped(semblance, workshop):
    (workshop.photos / "bad.jpg").write_bytes(b"not an image")
    (workshop.photos / "photo.svg").touch()
    (workshop.photos / "link").symlink_to(workshop.photos)
    captions = workshop.photos / "captions.csv"
    captions.write_text("file,caption\nred.png,fire\nabsent.png,nothing\n")
    result = semblance("index", workshop.photos, "--collection", "toy", "--captions", captions)
    assert result.exit_code == 0, result.output
    assert (
        "toy: generation 1: 4 images (4 encoded, 0 reused, 0 deleted, 0 duplicates, 1 failed), 1 captions"
        in result.stdout
    )
    for line in ("bad.jpg: not an image", "1 .svg files", "1 symbolic links", "1 names in captions fit no image"):
        assert line in result.stderr
    assert "unchanged" in semblance("index", workshop.photos, "--collection", "toy", "--captions", captions).stdout


def test_a_collection_keeps_its_models_until_others_are_asked_for(semblance, workshop):
    index = ("index", workshop.photos, "--collection", "toy")
    semblance(*index)
    semblance(*index, "--model", "a", "--model", "b", "--model", "a")
    semblance(*index)
    assert semblance.loaded == [DEFAULT_MODEL, "a", "b", "a", "b"]


def test_a_collection_is_called_as_its_folder_unless_another_folder_has_that_name(semblance, workshop, tmp_path):
    assert semblance("index", workshop.photos).exit_code == 0
    assert semblance("index", workshop.photos).stdout.startswith("photos: unchanged")
    other = tmp_path / "elsewhere" / "Photos!"
    other.mkdir(parents=True)
    (other / "red.png").write_bytes((workshop.photos / "red.png").read_bytes())
    refused = semblance("index", other)
    assert isinstance(refused.exception, InputError)
    assert "there is a collection 'photos' already, of other folders" in str(refused.exception)
    assert semblance("index", other, "--add").stdout.startswith("photos: generation 2")


@pytest.mark.parametrize(
    ("folder", "name"),
    [("Summer 2024", "summer-2024"), ("Élan", "elan"), ("a" * 90, "a" * 63), ("-x_", "x"), ("été/Ferien", "ferien")],
)
def test_names_of_folders_become_names_of_collections(tmp_path, folder, name):
    assert name_of_folder(tmp_path / folder) == name


@pytest.mark.parametrize(
    ("address", "name"), [("s3://bucket", "bucket"), ("s3://bucket/Photos 24/", "photos-24"), ("wds+s3://a/b", "b")]
)
def test_addresses_become_names_of_collections_as_folders_do(address, name):
    assert name_of_folder(address) == name


def test_a_folder_whose_name_makes_none_needs_one(tmp_path):
    with pytest.raises(CollectionNameError, match="写真"):
        name_of_folder(tmp_path / "写真")


def test_a_collection_is_brought_up_to_date_by_its_name_alone(semblance, workshop):
    captions = workshop.photos / "captions.csv"
    captions.write_text("file,caption\nred.png,fire\n")
    semblance("index", workshop.photos, "--captions", captions)
    (workshop.photos / "red.png").unlink()
    captions.write_text("file,caption\ngreen.png,grass\nblue.png,sea\n")
    told = semblance("index", "--again", "photos").stdout
    assert "photos: generation 2: 3 images (0 encoded, 3 reused, 1 deleted" in told
    assert "2 captions (1 removed)" in told
    for arguments in (("--again", "absent"), ("--again", "photos", workshop.photos), ()):
        assert isinstance(semblance("index", *arguments).exception, InputError | CollectionNotFoundError)


def test_a_folder_that_holds_hardly_any_image_any_more_is_left_alone_until_a_person_says_so(semblance, workshop):
    workshop.paint("sub/purple.png", (128, 0, 128))
    semblance("index", workshop.photos)
    (workshop.photos / "sub" / "purple.png").unlink()
    result = semblance("index", "--again", "photos")
    assert result.exit_code == 3
    assert "photos: unchanged, nothing published: 5 images" in result.stdout
    (told,) = result.stderr.splitlines()
    assert told == (
        f"{workshop.photos / 'sub'} holds 0 of the 1 images that it held, as if a drive were away: "
        "nothing of it was removed; --allow-removal removes what is not there"
    )
    result = semblance("index", "--again", "photos", "--allow-removal")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "generation 2: 4 images" in result.stdout
    for name in ("red", "green"):
        (workshop.photos / f"{name}.png").unlink()
    assert semblance("index", "--again", "photos", "--min-present", "0.6").exit_code == 3
    assert "2 deleted" in semblance("index", "--again", "photos", "--min-present", "0.5", "--purge").stdout


def test_what_is_wrong_with_a_file_that_was_read_all_the_same_is_told_once(semblance, workshop):
    short = workshop.photos / "short.jpg"
    Image.radial_gradient("L").save(short)
    short.write_bytes(short.read_bytes()[:-2])
    result = semblance("index", workshop.photos)
    assert "5 images" in result.stdout
    assert result.stderr == f"read with a remark {short}: its last bytes are missing\n"
    assert semblance("index", "--again", "photos").stderr == ""


def test_what_is_excluded_stays_excluded_until_it_is_named_again(semblance, workshop):
    for name in ("2019/a.png", "2019/b.png", "2020/a.png"):
        workshop.paint(name, (len(name), ord(name[3]), ord(name[5])))
    (workshop.photos / "node_modules").mkdir()

    def images(*arguments: str) -> int:
        result = semblance("index", *arguments)
        assert result.exit_code == 0, result.output
        assert "1 node_modules folders were skipped" in result.stderr
        return int(result.stdout.partition(" images")[0].rpartition(" ")[2])

    assert images(workshop.photos) == 7
    assert images(workshop.photos, "--exclude", "2019/") == 5  # a folder that was excluded is not a drive that is away
    assert images("--again", "photos") == 5
    assert "1 files and folders were excluded" in semblance("index", workshop.photos).stderr
    assert images("--again", "photos", "--exclude", "red.*") == 4
    assert images(workshop.photos, "--exclude", "red.*") == 6
    assert images("--again", "photos", "--exclude", "none") == 7
    (workshop.photos / "2020" / ".semblanceignore").write_text("*.png\n")
    assert images("--again", "photos") == 6
    refused = semblance("index", "--again", "photos", "--exclude", "!")
    assert isinstance(refused.exception, SourceError)


def test_links_are_followed_until_that_is_taken_back(semblance, workshop):
    workshop.paint(".store/hidden.png", (1, 2, 3))
    (workshop.photos / "album").symlink_to(".store")
    assert "1 symbolic links were not followed" in semblance("index", workshop.photos).stderr
    assert "5 images" in semblance("index", workshop.photos, "--follow-links").stdout
    assert "5 images" in semblance("index", "--again", "photos").stdout
    assert "4 images" in semblance("index", "--again", "photos", "--no-follow-links").stdout


def test_a_fifo_is_told_in_a_line_and_not_waited_for(semblance, workshop):
    pipe = workshop.photos / "pipe.jpg"
    os.mkfifo(pipe)
    result = semblance("index", workshop.photos)
    assert (result.exit_code, result.stderr) == (0, f"skipped {pipe}: is no file but a fifo\n")
    refused = semblance("index", pipe, "--collection", "alone")
    assert str(refused.exception) == f"no image found in {pipe} ({pipe} is no file but a fifo)"
    refused = semblance("index", workshop.photos, "--captions", pipe)
    assert str(refused.exception) == f"{pipe}, line 1: cannot be read (is no file but a fifo)"


def test_captions_stay_until_they_are_dropped_and_every_removal_is_told(semblance, workshop):
    captions = workshop.photos / "captions.csv"
    captions.write_text("file,caption\nred.png,fire\n")
    semblance("index", workshop.photos, "--captions", captions)
    assert "unchanged, nothing published: 4 images" in semblance("index", workshop.photos).stdout
    assert "0 captions (1 removed)" in semblance("index", workshop.photos, "--captions", "none").stdout
    assert "0 captions;" in semblance("index", workshop.photos).stdout
    semblance("index", workshop.photos, "--captions", captions)
    captions.unlink()
    gone = semblance("index", workshop.photos).exception
    assert isinstance(gone, SourceError)
    assert "captions.csv, the captions of an earlier run, does not exist any more" in str(gone)


def test_without_a_folder_of_its_own_the_user_s_is_taken_or_that_of_an_earlier_version(monkeypatch, tmp_path):
    monkeypatch.delenv("SEMBLANCE_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.chdir(tmp_path)
    assert data_folder() == tmp_path / "share" / "semblance"
    result = CliRunner().invoke(cli.app, ["collections"])
    assert f"no collections in {tmp_path / 'share' / 'semblance'}" in result.stdout
    (tmp_path / "var" / "semblance" / "collections").mkdir(parents=True)
    assert data_folder() == tmp_path / "var" / "semblance"
    result = CliRunner().invoke(cli.app, ["collections"])
    assert f"The collections are in {tmp_path / 'var' / 'semblance'}" in result.stderr
    assert data_folder(Path("here")) == tmp_path / "here"
    monkeypatch.setenv("SEMBLANCE_DATA_DIR", "there")
    assert data_folder() == tmp_path / "there"


def test_ctrl_c_says_that_the_same_command_goes_on(semblance, workshop, monkeypatch):
    def interrupt(self, prepared):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ToyEncoder, "encode_images", interrupt)
        result = semblance("index", workshop.photos, "--collection", "toy")
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr
    again = semblance("index", "--again", "toy").exception
    assert isinstance(again, SourceError)
    assert str(again).endswith("name them, semblance index FOLDER --collection toy")
    assert semblance("index", workshop.photos, "--collection", "toy").exit_code == 0


def test_verify_is_0_for_a_sound_index_and_1_for_a_damaged_one(semblance, workshop):
    semblance("index", workshop.photos, "--collection", "toy")
    result = semblance("verify", "toy")
    assert (result.exit_code, "sound" in result.stdout) == (0, True)
    for path in (workshop.root / "generations" / "000001").glob("*.image.vectors.npy"):
        path.write_bytes(b"x")
    result = semblance("verify", "toy", "--json")
    assert result.exit_code == 1
    assert "image.vectors.npy has 1 bytes" in json.loads(result.stdout)["problems"][0]
    assert "damaged" in semblance("verify", "toy").stdout


def test_collections_are_listed_for_people_and_programs(semblance, workshop):
    assert "make one: semblance index" in semblance("collections").stdout
    assert json.loads(semblance("collections", "--json").stdout) == []
    semblance("index", workshop.photos, "--collection", "toy", "--model", "some-model")
    assert "toy  generation 1  4 images  0 captions" in semblance("collections").stdout
    (entry,) = json.loads(semblance("collections", "--json").stdout)
    assert (entry["name"], entry["images"], entry["models"], entry["generation"]) == ("toy", 4, ["some-model"], 1)
    (workshop.root / "CURRENT").unlink()
    assert "no finished index" in semblance("collections").stdout


def test_generations_are_listed_kept_and_gone_back_to(semblance, workshop):
    semblance("index", workshop.photos, "--collection", "toy", "--model", "some-model")
    (workshop.photos / "red.png").unlink()
    semblance("index", workshop.photos, "--collection", "toy")
    newer, older = semblance("generations", "toy").stdout.splitlines()
    assert (newer[:3], "3 images  0 captions" in newer, "some-model" in newer) == ("* 2", True, True)
    assert (older[:3], "4 images" in older) == ("  1", True)
    assert semblance("rollback", "toy").stdout.startswith("toy: generation 1 is current, of ")
    listed = json.loads(semblance("generations", "toy", "--json").stdout)
    assert [(one["number"], one["current"], one["images"]) for one in listed] == [(2, False, 3), (1, True, 4)]
    semblance("index", workshop.photos, "--collection", "toy", "--keep", "1")
    assert [line[:3] for line in semblance("generations", "toy").stdout.splitlines()] == ["* 3"]
    assert semblance("index", workshop.photos, "--collection", "toy", "--keep", "0").exit_code == 2


def test_a_collection_is_exported_and_imported_under_another_name(semblance, workshop, tmp_path):
    semblance("index", workshop.photos, "--collection", "toy")
    file = tmp_path / "toy.tar"
    assert semblance("export", "toy", file).stdout.startswith(f"toy, generation 1: {file}, ")
    assert semblance("import", file, "--name", "copy").stdout == "copy: generation 1: 4 images, 0 captions\n"
    assert "sound" in semblance("verify", "copy").stdout
    assert isinstance(semblance("import", file).exception, InputError)


def test_deleting_asks_first(semblance, workshop):
    semblance("index", workshop.photos, "--collection", "toy")
    assert semblance("collections", "delete", "toy", input="n\n").exit_code == 1
    assert workshop.root.exists()
    assert semblance("collections", "delete", "toy", input="y\n").exit_code == 0
    assert not workshop.root.exists()


@pytest.mark.parametrize("at_the_end", [True, False])
def test_the_data_folder_may_be_named_before_or_after_delete(semblance, workshop, tmp_path, at_the_end):
    elsewhere = ("--data-dir", tmp_path / "elsewhere")
    semblance("index", workshop.photos, "--collection", "toy")
    semblance("index", workshop.photos, "--collection", "toy", *elsewhere)
    command = ("delete", "toy", "--yes")
    result = (
        semblance("collections", *command, *elsewhere) if at_the_end else semblance("collections", *elsewhere, *command)
    )
    assert result.exit_code == 0
    assert workshop.root.exists()
    assert not (tmp_path / "elsewhere" / "collections" / "toy").exists()


def test_an_expected_error_reaches_the_composed_program_as_itself(semblance):
    assert isinstance(semblance("verify", "absent").exception, CollectionNotFoundError)


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 5.0, 12.0, 13.0])
    monkeypatch.setattr(cli.time, "monotonic", lambda: next(clock))
    tell = cli._PlainProgress()
    for done in (0, 500, 1200, 1300):
        tell("images", done, 7000)
    assert capsys.readouterr().err == "images: 1,200 of 7,000, 100/s, 0:00:58 left\n"
