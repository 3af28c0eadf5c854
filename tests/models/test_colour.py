"""Colours are shown as they were meant, and what is transparent stays visible."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_images import encoded, noise, png_of
from drawn_profiles import ADOBE_RGB, DISPLAY_P3, SRGB, grey_profile, in_srgb, profile_of
from PIL import Image, ImageCms

from models.imaging.decode import decode_image
from models.imaging.profile import is_srgb
from models.imaging.revision import is_changed

COLOUR = (180, 120, 90)


@pytest.mark.parametrize("space", [DISPLAY_P3, ADOBE_RGB], ids=["Display P3", "Adobe RGB"])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_profiles_are_converted_to_srgb(space: np.ndarray, file_format: str) -> None:
    options = {"lossless": True} if file_format == "WEBP" else {"quality": 100} if file_format == "JPEG" else {}
    content = encoded(Image.new("RGB", (8, 8), COLOUR), file_format, icc_profile=profile_of(space, "wide"), **options)
    photograph = decode_image(content)
    assert photograph.remark is None
    assert np.abs(photograph.pixels - in_srgb(COLOUR, space)).max() < 2
    assert np.abs(in_srgb(COLOUR, space) - COLOUR).max() > 10
    assert is_changed(content, 0)


def test_a_profile_of_a_heic_is_converted() -> None:
    pytest.importorskip("pillow_heif")
    picture = Image.new("RGB", (64, 64), COLOUR)
    content = encoded(picture, "HEIF", quality=100, icc_profile=profile_of(DISPLAY_P3, "wide"))
    assert np.abs(decode_image(content).pixels - in_srgb(COLOUR, DISPLAY_P3)).max() < 4
    assert is_changed(content, 0)


def test_srgb_itself_changes_nothing() -> None:
    for profile in (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        profile_of(SRGB, "sRGB IEC61966-2.1"),
    ):
        content = encoded(Image.new("RGB", (8, 8), COLOUR), "PNG", icc_profile=profile)
        assert is_srgb(profile)
        assert (decode_image(content).pixels == COLOUR).all()
        assert not is_changed(content, 0)


def test_transparency_survives_a_profile() -> None:
    picture = Image.new("RGBA", (8, 8), (*COLOUR, 255))
    picture.putpixel((0, 0), (0, 0, 0, 0))
    pixels = decode_image(encoded(picture, "PNG", icc_profile=profile_of(ADOBE_RGB, "wide"))).pixels
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert np.abs(pixels[4, 4] - in_srgb(COLOUR, ADOBE_RGB)).max() < 2


@pytest.mark.parametrize("mode", ["L", "LA", "P", "CMYK"])
def test_a_profile_of_rgb_is_of_no_use_to_cmyk_alone(mode: str) -> None:
    picture = Image.new(mode, (8, 8), 100 if mode != "CMYK" else (10, 20, 30, 40))
    file_format = "JPEG" if mode == "CMYK" else "PNG"
    plain = decode_image(encoded(picture, file_format))
    profiled = decode_image(encoded(picture, file_format, icc_profile=profile_of(SRGB, "like a screen")))
    assert (profiled.remark is not None) == (mode == "CMYK")
    assert np.abs(profiled.pixels.astype(int) - plain.pixels).max() <= (0 if mode == "CMYK" else 12)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_profile_of_grey_is_of_use_to_grey_alone(mode: str) -> None:
    picture = Image.new("L", (8, 8), 100).convert(mode)
    photograph = decode_image(encoded(picture, "PNG", icc_profile=grey_profile(1.0)))
    assert photograph.remark is None
    assert np.abs(photograph.pixels - in_srgb((100, 100, 100), SRGB, gamma=1.0)).max() < 2
    coloured = decode_image(encoded(Image.new("RGB", (8, 8), COLOUR), "PNG", icc_profile=grey_profile(1.0)))
    assert (coloured.pixels == COLOUR).all()
    assert coloured.remark is not None


def test_broken_profiles_are_passed_over_with_a_remark() -> None:
    whole = profile_of(ADOBE_RGB, "wide")
    for broken in (b"garbage", whole[:200], whole[:128] + bytes(len(whole) - 128)):
        photograph = decode_image(encoded(Image.new("RGB", (8, 8), COLOUR), "PNG", icc_profile=broken))
        assert (photograph.pixels == COLOUR).all()
        assert "profile" in (photograph.remark or "")


def _drawing(line: int, mode: str = "RGBA") -> Image.Image:
    """A square outline of one grey, the rest transparent."""
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[10:30, 10:30] = (line, line, line, 255)
    pixels[13:27, 13:27] = 0
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_drawings_on_a_transparent_ground_stay_visible(mode: str) -> None:
    for line, ground in ((255, 0), (230, 0), (128, 255), (0, 255)):
        pixels = decode_image(encoded(_drawing(line, mode), "PNG")).pixels
        assert pixels[0, 0].tolist() == [ground] * 3
        assert pixels[11, 20].tolist() == [line] * 3
        assert np.abs(int(pixels[11, 20, 0]) - int(pixels[20, 20, 0])) >= 127


def test_a_white_drawing_stays_visible_when_it_is_shrunk_and_in_a_palette() -> None:
    large = _drawing(255).resize((400, 400), Image.Resampling.NEAREST)
    shrunk = decode_image(encoded(large, "WEBP", lossless=True), shrink_to=40).pixels
    assert (shrunk[11, 20].tolist(), shrunk[20, 20].tolist()) == ([255] * 3, [0] * 3)
    palette = Image.new("P", (4, 1), 0)
    palette.putpalette([255, 255, 255, 250, 250, 250])
    palette.putpixel((1, 0), 1)
    assert decode_image(encoded(palette, "PNG", transparency=0)).pixels[0, :2, 0].tolist() == [0, 250]


def test_half_transparent_pixels_are_mixed_with_the_ground() -> None:
    pixels = decode_image(encoded(Image.new("RGBA", (4, 4), (100, 100, 100, 51)), "PNG")).pixels
    assert (pixels == 100 * 51 / 255 + 255 * 204 / 255).all()


def test_large_pictures_are_divided_by_a_whole_number() -> None:
    picture = noise(303, 202)
    pixels = decode_image(encoded(picture, "PNG"), shrink_to=50).pixels  # 202 is 4 times 50
    expected = np.asarray(picture, float)[:200, :300].reshape(50, 4, 75, 4, 3).mean(axis=(1, 3))
    assert pixels.shape == (51, 76, 3)
    assert np.abs(pixels[:50, :75] - expected).max() <= 1
    assert decode_image(encoded(picture, "PNG"), shrink_to=150).pixels.shape == (202, 303, 3)


def test_sixteen_bits_are_scaled_in_every_byte_order() -> None:
    grey = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    pixels = decode_image(encoded(Image.fromarray(grey), "PNG")).pixels
    assert (pixels == (grey >> 8)[:, :, None]).all()


def test_a_picture_of_png_chunks_is_the_same_without_its_texts() -> None:
    whole = encoded(noise(), "PNG")
    header, rest = whole[8:33], whole[33:]
    chunk = png_of((b"zTXt", b"Comment\0\0garbage"))[8:]
    photograph = decode_image(whole[:8] + header + chunk + rest)
    np.testing.assert_array_equal(photograph.pixels, decode_image(whole).pixels)
    assert "texts" in (photograph.remark or "")
