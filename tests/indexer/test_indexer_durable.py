"""What is written durably survives a power cut at any moment, and a failure to write becomes one clear error."""

import errno
import os
from hashlib import sha256
from pathlib import Path

import pytest
from disk_observer import DiskObserver

from indexer.errors import StorageFullError
from indexer.store.durable import clear_storage_errors, replace_durably
from models.errors import StorageError
from models.files import file_sha256, flush, make_folder


def test_a_file_is_replaced_as_a_whole(tmp_path):
    for content in (b"first", b"second, longer", b""):
        replace_durably(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_written_flushed_renamed_and_then_its_folder_flushed(tmp_path, monkeypatch):
    disk = DiskObserver(monkeypatch)
    for content in (b"first", b"second"):
        replace_durably(tmp_path / "file", content)
    one = [("fsync", ".file.new"), ("rename", ".file.new", "file"), ("fsync", tmp_path.name)]
    assert disk.steps == one * 2
    disk.finish()


def test_the_old_content_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    replace_durably(tmp_path / "file", b"old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        replace_durably(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_flushing_leaves_no_file_open(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    open_files = Path("/proc/self/fd")
    before = len(list(open_files.iterdir()))
    for path in (tmp_path / "file", tmp_path):
        flush(path)
    assert len(list(open_files.iterdir())) == before


def test_a_digest_is_of_the_whole_content(tmp_path):
    (tmp_path / "file").write_bytes(content := os.urandom(3_000_001))
    assert file_sha256(tmp_path / "file") == sha256(content).hexdigest()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_the_way_out(tmp_path, code):
    with (
        pytest.raises(StorageFullError, match=f"{tmp_path} is full: free some space and run the same command again"),
        clear_storage_errors(tmp_path),
    ):
        raise OSError(code, "full")


def test_other_failures_name_the_file(tmp_path):
    with (
        pytest.raises(StorageError, match=f"cannot use {tmp_path}/absent: No such file"),
        clear_storage_errors(tmp_path),
    ):
        (tmp_path / "absent").read_bytes()


def test_failures_without_a_file_or_a_reason_name_the_folder_and_what_there_is(tmp_path):
    for error, told in (
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("odd"), "odd"),
    ):
        with pytest.raises(StorageError, match=f"cannot use {tmp_path}: {told}"), clear_storage_errors(tmp_path):
            raise error


def test_what_is_no_failure_to_write_goes_through(tmp_path):
    with pytest.raises(ValueError, match="other"), clear_storage_errors(tmp_path):
        raise ValueError("other")


def test_a_new_folder_and_those_above_it_have_durable_names(tmp_path, monkeypatch):
    disk = DiskObserver(monkeypatch)
    make_folder(tmp_path / "a" / "b")
    assert disk.steps == [("fsync", tmp_path.name), ("fsync", "a")]
    make_folder(tmp_path / "a" / "b")
    assert len(disk.steps) == 2
