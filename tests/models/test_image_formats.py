"""Photographs of every format that people have are read; what cannot be read is named."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from drawn_images import encoded, noise
from drawn_raw import dng
from PIL import Image

from models.errors import ImageError, ImageTooLargeError, UnsupportedImageError
from models.imaging import formats
from models.imaging.cost import check_limits
from models.imaging.decode import decode_image
from models.imaging.formats import KNOWN_UNSUPPORTED_SUFFIXES, SUPPORTED_SUFFIXES, decoders, format_of
from models.imaging.header import read_header
from models.imaging.limits import DEFAULT_LIMITS, DecodeLimits
from models.imaging.suffixes import OTHER_SUFFIXES, SUFFIXES

CASES = os.environ.get("SEMBLANCE_CASES")


def _needs(file_format: str) -> None:
    package = {"HEIF": "pillow_heif", "JXL": "pillow_jxl", "RAW": "rawpy"}.get(file_format)
    if package:
        pytest.importorskip(package)


def _of(file_format: str, width: int = 64, height: int = 64, colour: tuple[int, int, int] = (10, 200, 30)) -> bytes:
    picture = Image.new("RGB", (width, height), colour)
    return dng(encoded(picture, "JPEG")) if file_format == "RAW" else encoded(picture, file_format)


@pytest.mark.parametrize("file_format", SUFFIXES)
def test_each_format_decodes_and_its_header_tells_its_size(file_format: str) -> None:
    _needs(file_format)
    content = _of(file_format, 96, 64)
    header, photograph = read_header(content), decode_image(content)
    assert (header.format, photograph.format) == (file_format, file_format)
    assert (header.width, header.height) == (photograph.width, photograph.height) == (96, 64)
    assert photograph.pixels.shape == (64, 96, 3)
    assert np.abs(photograph.pixels.astype(int) - [10, 200, 30]).max() < 12
    assert SUFFIXES[file_format] <= SUPPORTED_SUFFIXES
    assert decode_image(content, shrink_to=20).pixels.shape[0] in range(20, 41)


@pytest.mark.parametrize("file_format", SUFFIXES)
def test_each_format_obeys_the_limits_by_its_header(file_format: str) -> None:
    _needs(file_format)
    content = _of(file_format, 96, 64)
    limits = [DecodeLimits(max_pixels=96 * 64 - 1), DecodeLimits(max_side_px=95), DecodeLimits(max_decode_bytes=9999)]
    for limit, name in zip(limits, ("MAX_PIXELS", "MAX_SIDE_PX", "MAX_DECODE_BYTES"), strict=True):
        with pytest.raises(ImageTooLargeError, match=name):
            check_limits(read_header(content), limit)
        with pytest.raises(ImageTooLargeError, match=name):
            decode_image(content, limit)


def _with_size(file_format: str, width: int, height: int) -> bytes:
    """Return a small file that claims to be large."""
    content = _of(file_format)
    if file_format == "BMP":
        return content[:18] + struct.pack("<ii", width, height) + content[26:]
    if file_format == "TIFF":
        for tag, value in ((0x100, width), (0x101, height)):
            entry = content.index(struct.pack("<HHI", tag, 4, 1))
            content = content[: entry + 8] + struct.pack("<I", value) + content[entry + 12 :]
        return content
    if file_format in ("AVIF", "HEIF"):
        size = content.index(b"ispe") + 8
        return content[:size] + struct.pack(">II", width, height) + content[size + 8 :]
    if file_format == "JXL":  # sides of 18 bits each, no ratio
        bits = 0 | 2 << 1 | (height - 1) << 3 | 0 << 21 | 2 << 24 | (width - 1) << 26
        return b"\xff\x0a" + bits.to_bytes(8, "little") + content[10:]
    frame = content.index(b"\xff\xc0") + 5  # in the preview of a raw file
    return content[:frame] + struct.pack(">HH", height, width) + content[frame + 4 :]


@pytest.mark.parametrize("file_format", ["AVIF", "TIFF", "BMP", "HEIF", "JXL", "RAW"])
def test_a_bomb_of_each_format_is_refused_from_its_header(file_format: str) -> None:
    _needs(file_format)
    for sides in ((60_000, 60_000), (200_000, 1) if file_format != "RAW" else (65_000, 60_000)):
        content = _with_size(file_format, *sides)
        assert {read_header(content).width, read_header(content).height} == set(sides)
        with pytest.raises(ImageTooLargeError):
            decode_image(content, shrink_to=20)


def test_a_strip_of_a_tiff_counts_as_memory() -> None:
    content = encoded(Image.new("RGB", (100, 100)), "TIFF", compression="tiff_lzw")
    assert read_header(content).buffer_bytes == 100 * 100 * 3
    assert read_header(encoded(Image.new("RGB", (100, 100)), "TIFF")).buffer_bytes == 0


@pytest.mark.parametrize(
    "mode, compression",
    [("1", "group4"), ("L", "raw"), ("P", "tiff_lzw"), ("CMYK", "jpeg"), ("RGBA", "tiff_deflate"), ("LAB", "raw")],
)
def test_tiffs_of_any_mode_become_rgb(mode: str, compression: str) -> None:
    picture = Image.new(mode, (40, 30))
    photograph = decode_image(encoded(picture, "TIFF", compression=compression))
    assert (photograph.pixels.shape, photograph.remark) == ((30, 40, 3), None)


def test_deep_tiffs_are_scaled_to_what_they_hold() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    expected = np.round(ramp * 255)
    for pixels, most in ((ramp, 0.5), (ramp * 255, 0.5), ((ramp * 65535).astype(np.uint16), 1.0)):
        shown = decode_image(encoded(Image.fromarray(pixels), "TIFF")).pixels[:, :, 0]
        assert np.abs(shown - expected).max() <= most + 0.5


def test_a_tiff_and_a_jpeg_xl_are_turned_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_image(encoded(noise(40, 30), "TIFF", exif=exif)).pixels.shape == (40, 30, 3)
    pytest.importorskip("pillow_jxl")
    # a JPEG XL is turned by its own header, and what EXIF says of it does not count
    assert decode_image(encoded(noise(40, 30), "JXL", exif=exif.tobytes())).pixels.shape == (30, 40, 3)


def test_a_picture_of_several_frames_is_a_jpeg_of_its_first() -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    photograph = decode_image(encoded(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert (photograph.format, photograph.pixels.shape) == ("JPEG", (10, 20, 3))
    assert photograph.pixels[0, 0, 0] > 200


def test_a_raw_file_shows_its_preview_upright_and_tells_what_it_knows() -> None:
    pytest.importorskip("rawpy")
    photograph = decode_image(dng(encoded(Image.new("RGB", (64, 48), (9, 9, 200)), "JPEG"), orientation=6))
    assert (photograph.width, photograph.height, photograph.camera) == (48, 64, "Maker One")
    assert photograph.taken_at is not None
    with pytest.raises(ImageError):
        decode_image(dng(encoded(noise(), "JPEG"))[:400])


@pytest.mark.parametrize("file_format", ["AVIF", "HEIF"])
def test_garbage_exif_of_box_files_does_not_matter(file_format: str) -> None:
    _needs(file_format)
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    content = encoded(noise(64, 64), file_format, exif=exif.tobytes(), quality=100)
    garbage = content.replace(exif.tobytes()[6:], b"nonsense".ljust(len(exif.tobytes()) - 6, b"?"))
    assert garbage != content
    np.testing.assert_array_equal(decode_image(garbage).pixels, decode_image(content).pixels)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_MISSING", frozenset({"HEIF", "JXL", "RAW"}))
    for content, extra in (
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\xff\x0a" + bytes(30), "jxl"),
        (b"FUJIFILMCCD-RAW 0201", "raw"),
        (dng(encoded(noise(), "JPEG")), "raw"),
    ):
        with pytest.raises(UnsupportedImageError, match=rf"pip install 'semblance\[{extra}\]'"):
            format_of(content)


def test_every_suffix_that_pillow_knows_is_read_or_counted() -> None:
    Image.init()
    known = SUPPORTED_SUFFIXES | KNOWN_UNSUPPORTED_SUFFIXES
    no_images = {".mpg", ".mpeg", ".pdf", ".ps", ".h5", ".hdf", ".grib", ".bufr", ".fit", ".palm", ".fli", ".flc"}
    assert set(Image.registered_extensions()) - known <= no_images
    assert not OTHER_SUFFIXES & set().union(*SUFFIXES.values())
    assert {".cr2", ".psd", ".svg", ".jp2"} <= known


def test_the_extras_that_are_installed_are_among_the_decoders() -> None:
    _needs("HEIF")
    assert "pillow-heif " in decoders()


@pytest.mark.skipif(not CASES, reason="SEMBLANCE_CASES names no folder of odd files")
def test_odd_files_are_read() -> None:
    files = [file for file in Path(CASES or "").iterdir() if file.suffix != ".md"]
    for file in files:
        photograph = decode_image(file.read_bytes(), DEFAULT_LIMITS, shrink_to=200)
        assert min(photograph.pixels.shape[:2]) >= 200
        assert (photograph.remark is None) == (file.name not in {"no-eoi.jpg", "png-exif-bad.png", "png-bigtext.png"})
