"""The vector log keeps what was stored, whatever happens to its end."""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

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
