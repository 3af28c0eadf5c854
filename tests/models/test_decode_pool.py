"""Decoding in processes of their own: what images may cost there, and what becomes of those that cost more."""

import io
import os
import signal
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
from child_processes import at_work, children, wait_for
from PIL import Image
from slow_images import endless_jpeg, png

from models.errors import DecodeResourceError, ImageError, ImageTooLargeError, UnsupportedImageError
from models.imaging import decode_pool, worker_process
from models.imaging.decode import decode_image
from models.imaging.decode_pool import DecoderPool
from models.imaging.limits import DecodeLimits

PATIENT = DecodeLimits(max_scans=10**9)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(1) as one:
        yield one


def jpeg(width: int = 64, height: int = 48) -> bytes:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0110], exif[0x0112], exif[0x0132] = "Camera One", 6, "2024:05:06 07:08:09"
    pixels = np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3) % 251
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("shrink_to", [None, 16])
def test_a_process_decodes_as_this_one_does(pool: DecoderPool, shrink_to: int | None) -> None:
    there, here = pool.decode(jpeg(), shrink_to=shrink_to), decode_image(jpeg(), shrink_to=shrink_to)
    assert (there.width, there.height, there.camera) == (48, 64, "Camera One")
    for field in fields(here):
        assert np.array_equal(getattr(there, field.name), getattr(here, field.name)), field.name
        assert type(getattr(there, field.name)) is type(getattr(here, field.name)), field.name


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", ImageError),
        (jpeg()[:700], ImageError),
        (b"8BPS\0\1", UnsupportedImageError),
        (png(9000, 9000), ImageTooLargeError),
    ],
)
def test_errors_are_those_of_the_decoder(content: bytes, error: type[ImageError]) -> None:
    with DecoderPool(1, DecodeLimits(max_pixels=10**6)) as pool, pytest.raises(error) as there:
        pool.decode(content)
    with pytest.raises(error) as here:
        decode_image(content, DecodeLimits(max_pixels=10**6))
    assert str(there.value) == str(here.value)
    assert type(there.value) is type(here.value)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (replace(PATIENT, max_decode_s=1), r"more than 1 seconds \(SEMBLANCE_MAX_DECODE_S\)"),
        (replace(PATIENT, max_decode_cpu_s=1), r"more than 1 seconds of a processor \(SEMBLANCE_MAX_DECODE_CPU_S\)"),
    ],
)
def test_an_image_that_takes_too_long_ends_its_process(limits: DecodeLimits, told: str) -> None:
    with DecoderPool(1, limits) as pool:
        others = children()
        assert pool.decode(jpeg()).width == 48
        ended = children() - others
        with pytest.raises(ImageTooLargeError, match=told):
            pool.decode(endless_jpeg())
        assert not children() & ended
        assert pool.decode(jpeg()).width == 48  # by another process


def test_an_image_that_needs_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "SPARE_BYTES", -450 * 2**20)  # as if an estimate missed as much
    with DecoderPool(1) as pool:
        with pytest.raises(DecodeResourceError, match="memory"):
            pool.decode(png(8000, 8000))
        assert pool.decode(jpeg()).width == 48


def test_a_process_that_is_killed_costs_one_image() -> None:
    with DecoderPool(1, PATIENT) as pool:
        others = children()
        decoding = pool.submit(endless_jpeg())
        wait_for(lambda: bool(at_work(others)))
        for pid in at_work(others):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(DecodeResourceError, match="ended from outside"):
            decoding.result()
        assert pool.decode(jpeg()).width == 48


def test_cancelling_ends_the_work() -> None:
    with DecoderPool(1, PATIENT) as pool:
        others = children()
        running = pool.submit(endless_jpeg())
        waiting = pool.submit(jpeg())
        wait_for(lambda: bool(at_work(others)))
        assert waiting.cancel()
        assert not running.cancel()  # it had begun
        with pytest.raises(ImageError):
            running.result(timeout=20)
        assert not children() - others
        assert pool.decode(jpeg()).width == 48


def test_closing_gives_up_what_runs_and_leaves_no_process() -> None:
    others = children()
    pool = DecoderPool(2, PATIENT)
    decodings = [pool.submit(endless_jpeg()) for _ in range(4)]
    wait_for(lambda: len(at_work(others)) == 2)
    pool.close()
    assert all(decoding.done() for decoding in decodings)
    assert not children() - others


def test_processes_stand_back_behind_the_one_that_started_them() -> None:
    """In a session of their own they would not: Linux shares processors between sessions first."""
    others = children()
    with DecoderPool(1, niceness=19) as pool:
        pool.decode(jpeg())
        (worker,) = children() - others
        assert os.getpriority(os.PRIO_PROCESS, worker) == 19
        assert os.getsid(worker) == os.getsid(0)
        assert os.getpgid(worker) != os.getpgid(0)  # which Ctrl-C ends


def test_of_processes_that_have_nothing_to_do_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "_KEPT_IDLE_S", 2)
    others = children()
    with DecoderPool(3) as pool:
        for decoding in [pool.submit(jpeg(2000, 2000)) for _ in range(9)]:
            decoding.result()
        assert len(children() - others) > 1
        wait_for(lambda: len(children() - others) == 1)
        assert pool.decode(jpeg()).width == 48
