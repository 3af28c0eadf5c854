"""What decoding will take is told from an image's header, and what is beyond a limit is refused from it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from drawn_images import encoded, last_scan_repeated, lossless_webp_bomb, noise, png_bomb, with_segment
from PIL import Image

from models.errors import ImageError, ImageTooLargeError, InputError
from models.imaging.cost import check_limits, decode_cost
from models.imaging.formats import DECODER_REVISION, decoders
from models.imaging.header import read_header
from models.imaging.image_header import ImageHeader
from models.imaging.limits import DEFAULT_LIMITS, DecodeLimits, limits_from
from models.imaging.revision import is_changed


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_header_tells_format_and_size(file_format: str) -> None:
    header = read_header(encoded(noise(), file_format))
    assert (header.format, header.width, header.height) == (file_format, 64, 48)


def test_a_heic_tells_its_size_and_transparency() -> None:
    pytest.importorskip("pillow_heif")
    header = read_header(encoded(noise(64, 64), "HEIF"))
    assert (header.format, header.width, header.height, header.transparent) == ("HEIF", 64, 64, False)
    assert read_header(encoded(noise(64, 64, "RGBA"), "HEIF")).transparent


def test_channels_and_their_width_are_told() -> None:
    modes = {"L": (1, 1), "LA": (2, 1), "RGB": (3, 1), "RGBA": (4, 1)}
    for mode, expected in modes.items():
        header = read_header(encoded(noise(mode=mode), "PNG"))
        assert (header.channels, header.sample_bytes) == expected
        assert header.transparent == ("A" in mode)
    sixteen = read_header(encoded(Image.fromarray(np.zeros((2, 2), np.uint16)), "PNG"))
    assert (sixteen.channels, sixteen.sample_bytes) == (1, 2)
    assert read_header(encoded(noise(mode="CMYK"), "JPEG")).channels == 4
    assert read_header(encoded(noise(mode="RGBA"), "WEBP", lossless=True)).transparent
    assert not read_header(encoded(noise(), "WEBP", lossless=True)).transparent


def test_a_gif_is_as_large_as_its_first_frame() -> None:
    gif = bytearray(encoded(noise(mode="L"), "GIF", comment=b"," * 600))
    gif[6:10] = bytes([8, 0, 8, 0])  # the screen is smaller
    assert (read_header(bytes(gif)).width, read_header(bytes(gif)).height) == (64, 48)
    assert read_header(encoded(noise(mode="L"), "GIF", transparency=3)).transparent


def test_the_scans_of_a_jpeg_are_counted_up_to_its_end() -> None:
    baseline = read_header(encoded(noise(), "JPEG"))
    assert (baseline.progressive, baseline.scans, baseline.scales) == (False, 1, True)
    progressive = encoded(noise(), "JPEG", progressive=True)
    assert (read_header(progressive).progressive, read_header(progressive).scans) == (True, 10)
    assert read_header(progressive + progressive).scans == 10
    assert read_header(with_segment(progressive, 0xE1, b"Exif\0\0" + progressive)).scans == 10


def test_the_cost_of_a_jpeg_that_shrinks_is_that_of_what_it_becomes() -> None:
    baseline = ImageHeader("JPEG", 16_000, 12_000, 3, scales=True)
    assert decode_cost(baseline, shrink_to=288) == 2000 * 1500 * (4 + 7)
    progressive = dataclasses.replace(baseline, progressive=True)
    assert decode_cost(progressive, shrink_to=288) == 16_000 * 12_000 * 3 * 2 + 2000 * 1500 * (4 + 7)


def test_the_cost_of_other_formats_is_one_copy_and_what_it_becomes() -> None:
    assert decode_cost(ImageHeader("PNG", 4000, 3000, 4), shrink_to=300) == 4000 * 3000 * 4 + 400 * 300 * 7
    assert decode_cost(ImageHeader("PNG", 4000, 3000, 1, sample_bytes=2)) == 4000 * 3000 * (2 + 7)


@pytest.mark.parametrize("width, height, progressive", [(16_320, 12_240, False), (12_000, 10_000, True)])
def test_the_largest_cameras_are_within_the_limits(width: int, height: int, progressive: bool) -> None:
    header = ImageHeader("JPEG", width, height, 3, scales=True, progressive=progressive)
    check_limits(header, DEFAULT_LIMITS, shrink_to=480)


@pytest.mark.parametrize(
    "content, limit",
    [
        (png_bomb(39_000_000, 1), "65,535 a side (SEMBLANCE_MAX_SIDE_PX)"),
        (png_bomb(60_000, 60_000), "200,000,000 (SEMBLANCE_MAX_PIXELS)"),
        (lossless_webp_bomb(16_000, 4000), "800,000,000 (SEMBLANCE_MAX_DECODE_BYTES)"),
        (last_scan_repeated(encoded(noise(), "JPEG", progressive=True), 5000), "50 (SEMBLANCE_MAX_SCANS)"),
    ],
    ids=["long line", "pixels", "lossless WebP", "scans"],
)
def test_a_bomb_is_refused_by_the_limit_that_it_breaks(content: bytes, limit: str) -> None:
    with pytest.raises(ImageTooLargeError) as refused:
        check_limits(read_header(content), DEFAULT_LIMITS, shrink_to=288)
    assert str(refused.value).endswith(f"the limit is {limit}")


def test_repeated_scans_are_refused_however_they_are_hidden() -> None:
    progressive = encoded(noise(), "JPEG", progressive=True)
    several_scans = last_scan_repeated(progressive, 100)
    first = several_scans.index(b"\xff\xda", several_scans.index(b"\xff\xda") + 2)
    comment = b"\xff\xfe\x00\x06\xff\xd9\xff\xd9"  # holds what looks like the end
    hidden = several_scans[:first] + comment + several_scans[first:]
    # what follows such an end is no part of what is decoded
    assert read_header(hidden).scans == 1
    assert read_header(several_scans.replace(b"\xff\xda", b"\xff\xff\xff\xda")).scans >= 100


def test_a_baseline_jpeg_in_several_scans_holds_its_coefficients_too() -> None:
    baseline = encoded(noise(mode="L"), "JPEG")
    frame = baseline.index(b"\xff\xc0")
    three = baseline[: frame + 9] + b"\x03" + bytes([1, 17, 0, 2, 17, 0, 3, 17, 0]) + baseline[frame + 13 :]
    three = three[: frame + 2] + b"\x00\x11" + three[frame + 4 :]
    header = read_header(three)
    assert (header.channels, header.progressive) == (3, True)


def test_hostile_structures_are_refused() -> None:
    for content in (
        b"\xff\xd8" + b"\xff\xe5\x00\x02" * 100_000,
        png_bomb(3, 3)[:33] + b"\0\0\0\0tEXt\0\0\0\0" * 100_000,
        encoded(noise(mode="L"), "GIF")[:13] + b"!\xfe\0" * 100_000,
        b"\xff\xd8\xff\xda",
        b"\0\0\0\x14ftypavif\0\0\0\0avif" + b"\0\0\0\x08free" * 100_000,
        b"FUJIFILMCCD-RAW" + (b"\xff\xd8\xff\xc2" + b"\xff\xe0\0\2" * 100) * 1000,
        b"II*\0\x08\0\0\0\xff\xff" + b"\x12\1\3\0\1\0\0\0\1\0\0\0" * 100_000,
        png_bomb(0, 3),
    ):
        with pytest.raises(ImageError):
            read_header(content)


def test_limits_are_read_from_the_environment() -> None:
    assert limits_from({}) == DecodeLimits()
    assert limits_from({"SEMBLANCE_MAX_SCANS": "7", "SEMBLANCE_MAX_PIXELS": ""}) == DecodeLimits(max_scans=7)
    for wrong in ("0", "-1", "many", "1e9"):
        with pytest.raises(InputError, match="SEMBLANCE_MAX_SIDE_PX"):
            limits_from({"SEMBLANCE_MAX_SIDE_PX": wrong})


def test_only_images_that_a_new_decoder_sees_otherwise_are_read_again() -> None:
    photograph = encoded(noise(1200, 900), "JPEG")
    assert not is_changed(photograph, 0, shrink_to=288)
    assert is_changed(encoded(noise(mode="RGBA"), "PNG"), 0, shrink_to=288)
    assert is_changed(encoded(noise(1200, 900), "PNG"), 0, shrink_to=288)
    assert not is_changed(encoded(noise(400, 300), "PNG"), 0, shrink_to=288)
    assert not is_changed(encoded(noise(mode="RGBA"), "PNG"), DECODER_REVISION, shrink_to=288)


def test_the_decoders_are_named_with_their_versions() -> None:
    assert decoders().startswith(f"semblance {DECODER_REVISION}, pillow ")
