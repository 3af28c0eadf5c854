"""Any image that people have decodes to upright RGB; anything else is refused with a reason."""

import io
import struct
import zlib
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context

import numpy as np
import pytest
from PIL import Image

from models.errors import ImageError, ImageTooLargeError, UnsupportedImageError
from models.imaging.decode import InProcessDecoder, decode_image
from models.imaging.formats import KNOWN_UNSUPPORTED_SUFFIXES, SUPPORTED_SUFFIXES
from models.imaging.limits import DecodeLimits


def _bytes(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_each_format_decodes_to_rgb(file_format: str) -> None:
    photograph = decode_image(_bytes(Image.new("RGB", (30, 20), (250, 10, 10)), file_format))
    assert photograph.format == file_format
    assert photograph.pixels.shape == (20, 30, 3)
    assert np.abs(photograph.pixels.astype(int) - [250, 10, 10]).max() < 12


def test_heic_decodes_with_the_extra() -> None:
    pytest.importorskip("pillow_heif")
    photograph = decode_image(_bytes(Image.new("RGB", (64, 48), (10, 200, 10)), "HEIF"))
    assert (photograph.format, photograph.pixels.shape) == ("HEIF", (48, 64, 3))
    assert ".heic" in SUPPORTED_SUFFIXES
    assert ".heic" not in KNOWN_UNSUPPORTED_SUFFIXES


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:10, :15] = 255  # the white corner must end up at the top left
    undo = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    photograph = decode_image(_bytes(Image.fromarray(np.ascontiguousarray(undo(upright))), "PNG", exif=exif))
    assert (photograph.width, photograph.height) == (30, 20)
    np.testing.assert_array_equal(photograph.pixels, upright)


def test_date_and_camera_are_read_and_rubbish_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS 5D\0"
    exif.get_ifd(0x8769)[0x9003] = "2019:05:04 10:11:12"
    photograph = decode_image(_bytes(Image.new("RGB", (8, 8)), "JPEG", exif=exif))
    assert photograph.taken_at == datetime(2019, 5, 4, 10, 11, 12)
    assert photograph.camera == "Canon EOS 5D"
    exif.get_ifd(0x8769)[0x9003] = "0000:00:00 00:00:00"
    assert decode_image(_bytes(Image.new("RGB", (8, 8)), "JPEG", exif=exif)).taken_at is None


def test_transparency_lies_on_white() -> None:
    for mode in ("RGBA", "LA"):
        photograph = decode_image(_bytes(Image.new(mode, (4, 4), 0), "PNG"))
        assert (photograph.pixels == 255).all()
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([9, 9, 9] * 256)
    assert (decode_image(_bytes(palette, "PNG", transparency=0)).pixels == 255).all()


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    grey = Image.fromarray(np.full((4, 4), 32768, np.uint16))
    assert (decode_image(_bytes(grey, "PNG")).pixels == 128).all()


def test_cmyk_and_grey_become_rgb() -> None:
    assert decode_image(_bytes(Image.new("CMYK", (4, 4)), "JPEG")).pixels.shape == (4, 4, 3)
    assert decode_image(_bytes(Image.new("L", (4, 4), 7), "PNG")).pixels.tolist()[0][0] == [7, 7, 7]


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "blue")]
    photograph = decode_image(_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert photograph.pixels[0, 0].tolist() == [255, 0, 0]


def test_shrinking_keeps_both_sides_at_least_as_large_as_asked_and_the_facts_of_the_original() -> None:
    photograph = decode_image(_bytes(Image.new("RGB", (1600, 1000)), "JPEG"), shrink_to=224)
    assert (photograph.width, photograph.height) == (1600, 1000)
    assert 224 <= min(photograph.pixels.shape[:2]) < 1000


def test_a_bomb_is_refused_from_its_header() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    )
    with pytest.raises(ImageTooLargeError, match="limit"):
        decode_image(bomb)
    with pytest.raises(ImageTooLargeError, match="100"):
        decode_image(_bytes(Image.new("RGB", (11, 10)), "PNG"), DecodeLimits(max_pixels=100))


def test_truncated_damaged_and_foreign_bytes_are_refused_with_a_reason() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    whole = _bytes(Image.fromarray(noise), "JPEG")
    with pytest.raises(ImageError, match="truncated"):
        decode_image(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match="empty"):
        decode_image(b"")
    with pytest.raises(ImageError, match="not an image"):
        decode_image(b"%PDF-1.7 hello")
    with pytest.raises(UnsupportedImageError, match="PSD"):
        decode_image(b"8BPS\0\1" + bytes(20))


def test_any_flipped_byte_gives_a_picture_or_an_image_error() -> None:
    random = np.random.default_rng(1)
    noise = Image.fromarray(random.integers(0, 255, (24, 24, 3), np.uint8))
    for file_format in ("JPEG", "PNG", "WEBP", "GIF"):
        whole = bytearray(_bytes(noise, file_format))
        for _ in range(60):
            damaged = bytearray(whole)
            damaged[random.integers(len(damaged))] ^= int(random.integers(1, 256))
            try:
                assert decode_image(bytes(damaged), DecodeLimits(max_pixels=10_000)).pixels.dtype == np.uint8
            except ImageError as error:
                assert "/" not in str(error)


def test_another_process_can_do_the_work() -> None:
    content = _bytes(Image.new("RGB", (1600, 1000), (1, 2, 3)), "JPEG")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(decode_image, content, DecodeLimits(2_000_000), shrink_to=224).result()
        refused = pool.submit(decode_image, content, DecodeLimits(1000)).exception()
    here = InProcessDecoder(DecodeLimits(2_000_000)).decode(content, shrink_to=224)
    np.testing.assert_array_equal(there.pixels, here.pixels)
    assert (there.width, there.height) == (here.width, here.height) == (1600, 1000)
    assert isinstance(refused, ImageTooLargeError)
    assert "the limit is 1,000" in str(refused)
