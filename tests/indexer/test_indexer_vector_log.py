"""The vector log keeps what was stored, whatever happens to its end or to the power."""

import os
import zlib
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from disk_observer import DiskObserver

from indexer.store import vector_log
from indexer.store.vector_log import VectorLog

RECORD = 32 + 3 * 4 + 4


def key(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def rows(*numbers: int) -> np.ndarray:
    return np.array([[n, n + 0.5, -n] for n in numbers], dtype=np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = VectorLog(tmp_path / "log", (3,))
    log.append([key(1), key(2)], rows(1, 2))
    log.append([key(3)], rows(3))
    log.close()
    return tmp_path / "log"


def content(path: Path, *numbers: int) -> np.ndarray:
    log = VectorLog(path, (3,))
    log.close()
    assert [n for n in range(10) if key(n) in log] == sorted(numbers)
    return np.concatenate([*log.rows([key(n) for n in numbers]), rows()[:0].reshape(0, 3)])


def test_vectors_come_back_in_the_order_asked(path):
    np.testing.assert_array_equal(content(path, 3, 1, 2), rows(3, 1, 2))


@pytest.mark.parametrize("left", range(2 * RECORD, 3 * RECORD))
def test_a_torn_last_record_is_cut_off_and_the_log_goes_on(path, left):
    os.truncate(path, left)
    log = VectorLog(path, (3,))
    assert key(3) not in log
    log.append([key(4)], rows(4))
    log.close()
    np.testing.assert_array_equal(content(path, 1, 2, 4), rows(1, 2, 4))


def test_a_record_with_a_flipped_bit_counts_as_absent(path):
    damaged = bytearray(path.read_bytes())
    damaged[RECORD + 40] ^= 1
    path.write_bytes(damaged)
    np.testing.assert_array_equal(content(path, 1, 3), rows(1, 3))


def test_compacting_drops_what_is_dead_or_damaged(path):
    log = VectorLog(path, (3,))
    log.compact([key(3), key(1)])
    assert path.stat().st_size == 2 * RECORD
    log.append([key(5)], rows(5))
    log.close()
    np.testing.assert_array_equal(content(path, 1, 3, 5), rows(1, 3, 5))


def test_compacting_to_nothing_leaves_an_empty_log(path):
    log = VectorLog(path, (3,))
    log.compact([])
    log.close()
    assert path.stat().st_size == 0
    assert content(path).shape == (0, 3)


def test_a_write_that_fails_leaves_no_trace(path, monkeypatch):
    log = VectorLog(path, (3,))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            log.append([key(4)], rows(4))
    log.append([key(5)], rows(5))
    log.close()
    np.testing.assert_array_equal(content(path, 1, 2, 3, 5), rows(1, 2, 3, 5))


def test_what_was_appended_is_on_the_disk_when_append_returns(tmp_path, monkeypatch):
    disk = DiskObserver(monkeypatch)
    log = VectorLog(tmp_path / "log", (3,))
    assert disk.steps == [("fsync", tmp_path.name)], "the new file's name"
    for number in (1, 2):
        log.append([key(number)], rows(number))
        assert disk.is_durable(tmp_path / "log")
        assert (tmp_path / "log").stat().st_size == number * RECORD
    assert disk.steps[1:] == [("fsync", "log")] * 2
    log.close()
    disk.finish()


def test_opening_a_log_makes_its_name_durable_for_it_may_be_of_a_run_that_was_killed(path, monkeypatch):
    disk = DiskObserver(monkeypatch)
    VectorLog(path, (3,)).close()
    assert disk.steps == [("fsync", path.parent.name)]


def test_a_compaction_that_was_killed_or_failed_leaves_nothing(path, monkeypatch):
    leftover = path.with_name(f"{path.name}.compacting")
    leftover.write_bytes(b"half")
    log = VectorLog(path, (3,))
    assert not leftover.exists()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            log.compact([key(1)])
    log.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    np.testing.assert_array_equal(content(path, 1, 2, 3), rows(1, 2, 3))


def test_a_compacted_log_takes_the_place_of_the_old_one_once_it_is_on_the_disk(path, monkeypatch):
    log = VectorLog(path, (3,))
    disk = DiskObserver(monkeypatch)
    log.compact([key(3), key(1)])
    log.close()
    new = f"{path.name}.compacting"
    assert disk.steps == [("fsync", new), ("rename", new, path.name), ("fsync", path.parent.name)]
    disk.finish()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_log_of_nothing_but_live_records_is_left_as_it_is(path, monkeypatch):
    log = VectorLog(path, (3,))
    disk = DiskObserver(monkeypatch)
    log.compact([key(1), key(2), key(3)])
    log.close()
    assert disk.steps == []


def test_compacting_drops_a_damaged_record_though_as_many_keys_are_live_as_there_are(path):
    damaged = bytearray(path.read_bytes())
    damaged[RECORD + 40] ^= 1
    path.write_bytes(damaged)
    log = VectorLog(path, (3,))
    assert len(log) == 2
    log.compact([key(1), key(3)])
    log.close()
    assert path.stat().st_size == 2 * RECORD


def test_a_write_in_several_pieces_is_whole(tmp_path, monkeypatch):
    """The system may write less than it was asked to."""
    log = VectorLog(tmp_path / "log", (3,))
    whole = log._file

    class Hesitant:
        def __getattr__(self, name):
            return getattr(whole, name)

        def write(self, content):
            return whole.write(content[:7])

    log._file = Hesitant()
    log.append([key(1), key(2)], rows(1, 2))
    log.close()
    np.testing.assert_array_equal(content(tmp_path / "log", 1, 2), rows(1, 2))


def test_what_is_stopped_by_hand_leaves_no_trace_either(path, monkeypatch):
    log = VectorLog(path, (3,))

    def stop(_descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.fsync", stop)
        log.append([key(4)], rows(4))
    assert key(4) not in log
    log.append([key(5)], rows(5))
    log.close()
    np.testing.assert_array_equal(content(path, 1, 2, 3, 5), rows(1, 2, 3, 5))


def test_arrays_of_any_shape_and_type_are_kept_and_read_in_pieces(tmp_path):
    shape, dtype = (3, 1000, 100), "<f2"  # 600 kB each: 13 are read at once
    arrays = np.random.default_rng(1).random((30, *shape), dtype=np.float32).astype(dtype)
    log = VectorLog(tmp_path / "logs" / "of a model" / "log", shape, dtype)
    log.append([key(number) for number in range(30)], arrays)
    log.close()
    again = VectorLog(tmp_path / "logs" / "of a model" / "log", shape, dtype)
    pieces = list(again.rows([key(number) for number in reversed(range(30))]))
    assert [len(piece) for piece in pieces] == [13, 13, 4]
    np.testing.assert_array_equal(np.concatenate(pieces), arrays[::-1])
    again.compact([key(number) for number in range(29)])
    assert len(again) == 29
    np.testing.assert_array_equal(next(iter(again.rows([key(28)]))), arrays[28:29])
    again.close()


@pytest.mark.parametrize(("bytes_at_once", "pieces"), [(1, [1] * 6), (2 * RECORD, [2] * 3), (5 * RECORD, [5, 1])])
def test_nothing_depends_on_how_many_are_read_at_once(path, monkeypatch, bytes_at_once, pieces):
    monkeypatch.setattr(vector_log, "_BYTES_AT_ONCE", bytes_at_once)
    log = VectorLog(path, (3,))
    log.append([key(4), key(5), key(6)], rows(4, 5, 6))
    read = list(log.rows([key(number) for number in (6, 5, 4, 3, 2, 1)]))
    assert [len(piece) for piece in read] == pieces
    np.testing.assert_array_equal(np.concatenate(read), rows(6, 5, 4, 3, 2, 1))
    log.compact([key(number) for number in (1, 2, 4, 5, 6)])
    log.close()
    np.testing.assert_array_equal(content(path, 1, 2, 4, 5, 6), rows(1, 2, 4, 5, 6))


def test_what_was_appended_in_turns_is_read_from_the_open_log(path):
    log = VectorLog(path, (3,))
    log.append([key(4), key(5)], rows(4, 5))
    log.append([key(6), key(7)], rows(6, 7))
    assert len(log) == 7
    np.testing.assert_array_equal(np.concatenate(list(log.rows([key(7), key(1), key(5)]))), rows(7, 1, 5))
    log.close()


def test_a_key_that_is_not_there_is_an_error(path):
    log = VectorLog(path, (3,))
    with pytest.raises(KeyError):
        list(log.rows([key(9)]))
    log.close()
    with pytest.raises(ValueError, match="closed"):
        log.append([key(9)], rows(9))


def test_the_form_of_a_record_never_changes(path):
    """Logs that are there are read by every later version."""
    expected = b"".join(
        record + zlib.crc32(record).to_bytes(4, "little")
        for record in (key(number) + rows(number).astype("<f4").tobytes() for number in (1, 2, 3))
    )
    assert path.read_bytes() == expected
