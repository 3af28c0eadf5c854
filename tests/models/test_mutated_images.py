"""Whatever bytes are given, a picture comes out, or an error for images."""

from __future__ import annotations

import re

import pytest
from drawn_images import encoded, noise
from drawn_profiles import DISPLAY_P3, profile_of
from drawn_raw import dng
from mutations import mutated
from test_image_metadata import exif, iptc, jpeg_with, xmp

from models.errors import ImageError
from models.imaging.decode import decode_image
from models.imaging.exif import read_exif
from models.imaging.header import read_header
from models.imaging.iptc import read_iptc
from models.imaging.limits import DecodeLimits
from models.imaging.profile import is_srgb
from models.imaging.revision import is_changed
from models.imaging.truncation import missing_share
from models.imaging.xmp import read_xmp

COUNT = 300
LIMITS = DecodeLimits(max_pixels=20_000, max_decode_bytes=4_000_000)
PROFILE = profile_of(DISPLAY_P3, "wide")


def _jpeg_with_everything() -> bytes:
    return jpeg_with((0xED, iptc((25, b"sea"), (5, b"A title"))), exif=exif(6), xmp=xmp(), icc_profile=PROFILE)


def _jxl(**options: object) -> bytes:
    pytest.importorskip("pillow_jxl")
    return encoded(noise(mode="RGBA"), "JXL", **options)


def _heif() -> bytes:
    pytest.importorskip("pillow_heif")
    return encoded(noise(), "HEIF", exif=exif(), icc_profile=PROFILE)


def _raw() -> bytes:
    pytest.importorskip("rawpy")
    return dng(encoded(noise(), "JPEG"), side=64)


FILES = {
    "JPEG": _jpeg_with_everything,
    "progressive": lambda: encoded(noise(), "JPEG", progressive=True),
    "CMYK": lambda: encoded(noise(mode="CMYK"), "JPEG"),
    "PNG": lambda: encoded(noise(mode="RGBA"), "PNG", exif=exif(), icc_profile=PROFILE),
    "palette": lambda: encoded(noise(mode="L").convert("P"), "PNG", transparency=3),
    "WebP": lambda: encoded(noise(mode="RGBA"), "WEBP", lossless=True, exif=exif(), icc_profile=PROFILE),
    "lossy WebP": lambda: encoded(noise(), "WEBP"),
    "GIF": lambda: encoded(noise(mode="L"), "GIF", transparency=3, comment=b"hello"),
    "AVIF": lambda: encoded(noise(), "AVIF", exif=exif(), icc_profile=PROFILE),
    "TIFF": lambda: encoded(noise(), "TIFF", compression="tiff_lzw", icc_profile=PROFILE),
    "TIFF of JPEG": lambda: encoded(noise(), "TIFF", compression="jpeg"),
    "BMP": lambda: encoded(noise(mode="RGBA"), "BMP"),
    "RLE": lambda: encoded(noise(mode="L"), "BMP"),
    "HEIF": _heif,
    "JPEG XL": _jxl,
    "JPEG XL in boxes": lambda: _jxl(use_container=True, exif=exif().tobytes()),
    "RAW": _raw,
}


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_gives_a_picture_or_an_image_error(kind: str) -> None:
    content = FILES[kind]()
    assert decode_image(content, LIMITS).pixels.shape[2] == 3
    for number, damaged in enumerate(mutated(content, COUNT, seed=len(kind))):
        try:
            photograph = decode_image(damaged, LIMITS, shrink_to=(None, 16, 40)[number % 3])
            assert photograph.pixels.shape[2] == 3
        except ImageError as error:
            assert "\n" not in str(error)
            assert not re.search(r"0x[0-9a-f]{6}|/\w+/\w+", str(error))


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_header_is_read_or_refused(kind: str) -> None:
    for damaged in mutated(FILES[kind](), COUNT, seed=1):
        try:
            assert min(read_header(damaged).width, read_header(damaged).height) > 0
        except ImageError:
            assert is_changed(damaged, 0)


def test_damaged_metadata_tell_less_and_raise_nothing() -> None:
    for blob in mutated(exif(6, "words").tobytes()[6:], COUNT, seed=2):
        facts = read_exif(blob)
        assert facts.orientation in (None, *range(1, 9))
        assert facts.latitude is None or -90 <= facts.latitude <= 90
    for blob in mutated(xmp(), COUNT, seed=3):
        found = read_xmp(blob)
        assert found is None or len(found.tags) <= 2
    for blob in mutated(iptc((25, b"sea"), (5, b"A title"))[30:], COUNT, seed=4):
        assert len(read_iptc(blob).tags) <= 2
    for blob in mutated(PROFILE, COUNT, seed=5):
        assert not is_srgb(blob)


def test_the_missing_share_of_anything_is_a_share() -> None:
    for damaged in mutated(encoded(noise(), "JPEG", progressive=True), COUNT, seed=6):
        try:
            assert 0 <= missing_share(damaged) <= 1
        except (ImageError, OSError, SyntaxError):
            continue


def test_no_bytes_at_all_and_any_first_bytes_are_refused() -> None:
    starts = b"", b"\0", b"BM", b"II*\0", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF0000WEBP", b"GIF89a", b"\xff\x0a"
    for start in starts:
        for length in (0, 1, 30, 300):
            with pytest.raises(ImageError):
                decode_image(start + bytes(length))
