"""What files tell beside their pixels is read, and nothing of it refuses good pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from drawn_images import encoded, noise, png_of, with_segment
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from models.imaging.decode import decode_image
from models.imaging.photograph import Photograph
from models.imaging.plain_text import plain_text

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>Möwe</rdf:li><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def xmp(title: str = "A gull", orientation: int = 1) -> bytes:
    return XMP.format(title=title, orientation=orientation).encode()


def exif(orientation: int = 1, description: str = "") -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Canon", "Canon EOS R5\0", orientation
    if description:
        exif[0x010E] = description
    details, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    details[0x9003], details[0x8827], details[0xA434] = "2019:05:04 10:11:12", 400, "RF24-70mm F2.8"
    place[1], place[2], place[3], place[4] = "S", (33.0, 51.0, 30.5), "E", (151.0, 12.0, 0.0)
    return exif


def iptc(*datasets: tuple[int, bytes]) -> bytes:
    """Return a Photoshop segment that holds datasets of the application record."""
    data = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(value)) + value for number, value in datasets)
    other = b"8BIM\x03\xed\x03odd\0\0\0\x03abc\0"  # an odd name and odd data are padded
    return b"Photoshop 3.0\0" + other + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data


def jpeg_with(*segments: tuple[int, bytes], **options: object) -> bytes:
    content = encoded(noise(), "JPEG", **options)
    for marker, data in reversed(segments):
        content = with_segment(content, marker, data)
    return content


def png_with(kind: bytes, data: bytes, times: int = 1) -> bytes:
    """Return a PNG with more chunks behind its header."""
    plain = encoded(noise(), "PNG")
    return plain[:33] + png_of((kind, data))[8:] * times + plain[33:]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_camera_lens_sensitivity_time_and_place_are_read(file_format: str) -> None:
    if file_format == "HEIF":
        pytest.importorskip("pillow_heif")
    photograph = decode_image(encoded(noise(), file_format, exif=exif(description="Two gulls")))
    assert (photograph.camera, photograph.lens, photograph.iso) == ("Canon EOS R5", "RF24-70mm F2.8", 400)
    assert photograph.latitude == pytest.approx(-(33 + 51 / 60 + 30.5 / 3600))
    assert photograph.longitude == pytest.approx(151.2)
    assert (photograph.title, photograph.taken_at is not None, photograph.remark) == ("Two gulls", True, None)


def _png_text(packet: bytes) -> PngInfo:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
    return info


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_keywords_title_and_turn_are_read_from_xmp(file_format: str) -> None:
    options = {"pnginfo": _png_text(xmp(orientation=6))} if file_format == "PNG" else {"xmp": xmp(orientation=6)}
    photograph = decode_image(encoded(noise(64, 48), file_format, **options))
    assert (photograph.tags, photograph.title) == (("Möwe", "sea"), "A gull")
    assert photograph.pixels.shape == (64, 48, 3)


def test_keywords_and_title_are_read_from_iptc_and_joined_with_those_of_xmp() -> None:
    datasets = iptc((25, b"sea"), (25, "Küste".encode("latin-1")), (25, "Düne".encode()), (5, b"A title"))
    photograph = decode_image(jpeg_with((0xED, datasets)))
    assert (photograph.tags, photograph.title) == (("sea", "Küste", "Düne"), "A title")
    both = decode_image(jpeg_with((0xED, datasets), xmp=xmp("")))
    assert (both.tags, both.title) == (("Möwe", "sea", "Küste", "Düne"), "A title")


def test_what_windows_writes_is_read_and_what_cameras_fill_in_is_not() -> None:
    written = Image.Exif()
    written[0x9C9B], written[0x9C9E] = "Fähre\0".encode("utf-16-le"), "sea;ship;\0".encode("utf-16-le")
    photograph = decode_image(encoded(noise(), "JPEG", exif=written))
    assert (photograph.title, photograph.tags) == ("Fähre", ("sea", "ship"))
    assert decode_image(encoded(noise(), "JPEG", exif=exif(description="OLYMPUS DIGITAL CAMERA  "))).title is None


def test_texts_are_bounded_and_cleaned() -> None:
    assert plain_text(b"a\0b\x1b[31m\r\n\xe2\x80\xaec", 100) == "a b [31m c"
    assert plain_text("Ã¼ber", 100) == "über"  # UTF-8 that was read as Latin-1
    assert plain_text("x" * 10_000, 100) == "x" * 100
    assert [plain_text(value, 9) for value in (None, 7, "", b"\0\0", (1, 2))] == [None] * 5
    photograph = decode_image(jpeg_with((0xED, iptc(*((25, b"word%d" % n + b"x" * 300) for n in range(150))))))
    assert len(photograph.tags) == 100
    assert max(map(len, photograph.tags)) == 120


def _with_place(change: Callable[[dict[int, object]], None]) -> Photograph:
    data = exif()
    change(data.get_ifd(0x8825))
    return decode_image(encoded(noise(), "JPEG", exif=data))


def test_places_that_cannot_be_are_none() -> None:
    for wrong in ((200.0, 0.0, 0.0), (0.0, 0.0), (33.0, 3660.0, 0.0)):
        photograph = _with_place(lambda place, wrong=wrong: place.__setitem__(2, wrong))
        assert (photograph.latitude, photograph.longitude, photograph.iso) == (None, None, 400)
    photograph = _with_place(lambda place: place.update({2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)}))
    assert (photograph.latitude, photograph.longitude) == (None, None)


def _rational_that_cannot_be_written_back() -> bytes:
    entries = struct.pack("<HHII", 0x0112, 3, 1, 6) + struct.pack("<HHII", 0x011A, 10, 1, 38)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<Iii", 0, -1, 0)


def test_a_value_that_cannot_be_written_back_does_not_matter() -> None:
    photograph = decode_image(jpeg_with((0xE1, _rational_that_cannot_be_written_back())))
    assert (photograph.width, photograph.height, photograph.remark) == (48, 64, None)


@pytest.mark.parametrize(
    "content, what",
    [
        (jpeg_with((0xE1, b"Exif\0\0garbage, and more of it")), "EXIF"),
        (jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta")), "XMP"),
        (jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")), "XMP"),
        (encoded(noise(), "WEBP", exif=b"garbage, and more of it", lossless=True), "EXIF"),
        (png_with(b"eXIf", b"garbage, and more of it"), "EXIF"),
    ],
    ids=["JPEG EXIF", "JPEG XMP", "document type", "WebP EXIF", "PNG EXIF"],
)
def test_garbage_is_dropped_with_a_remark(content: bytes, what: str) -> None:
    photograph = decode_image(content)
    assert photograph.pixels.shape == (48, 64, 3)
    assert what in (photograph.remark or "")


def test_segments_that_no_parser_likes_do_not_matter() -> None:
    whole = decode_image(jpeg_with()).pixels
    for marker, data in (
        (0xED, b"Photoshop 3.0\x008BIM"),
        (0xE2, b"MPF\0"),
        (0xE2, b"ICC_PROFILE\0"),
        (0xE1, b"Exif\0\0"),
    ):
        np.testing.assert_array_equal(decode_image(jpeg_with((marker, data))).pixels, whole)


@pytest.mark.parametrize(
    "kind, head", [(b"zTXt", b"Comment\0\0"), (b"iCCP", b"wide\0\0"), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0")]
)
def test_packed_texts_that_grow_do_not_matter(kind: bytes, head: bytes) -> None:
    photograph = decode_image(png_with(kind, head + zlib.compress(bytes(30 * 2**20)), times=3))
    np.testing.assert_array_equal(photograph.pixels, np.asarray(noise()))
    assert "too large" in (photograph.remark or "")
