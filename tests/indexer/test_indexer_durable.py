"""A failure to write becomes one clear error."""

import errno

import pytest

from indexer.errors import StorageFullError
from indexer.store.durable import clear_storage_errors, replace_durably
from models.errors import StorageError


def test_a_file_is_replaced_as_a_whole(tmp_path):
    for content in (b"first", b"second, longer", b""):
        replace_durably(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_the_way_out(tmp_path, code):
    with (
        pytest.raises(StorageFullError, match="free some space and run the same command again"),
        clear_storage_errors(tmp_path),
    ):
        raise OSError(code, "full")


def test_other_failures_name_the_file(tmp_path):
    with pytest.raises(StorageError, match=r"absent: No such file"), clear_storage_errors(tmp_path):
        (tmp_path / "absent").read_bytes()
