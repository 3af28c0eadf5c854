"""An image's key outlives every edit of its file's metadata, and tells apart what looks different."""

import hashlib
import io
import random
import struct
import zlib
from xml.sax.saxutils import quoteattr

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from indexer.ingest.content_key import content_key

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FORMATS = ["JPEG", "PNG", "WEBP"]


def picture(colour: int = 0) -> Image.Image:
    image = Image.radial_gradient("L").resize((40, 30)).convert("RGB")
    image.putpixel((0, 0), (colour, 0, 0))
    return image


def saved(file_format: str, image: Image.Image | None = None, **options) -> bytes:
    file = io.BytesIO()
    (image or picture()).save(file, file_format, **({"lossless": True} if file_format == "WEBP" else {}), **options)
    return file.getvalue()


def exif(orientation: int | None = None, text: str = "") -> bytes:
    tags = Image.Exif()
    if orientation:
        tags[0x0112] = orientation
    if text:
        tags[0x010E] = text
    return tags.tobytes()


def xmp(text: str, **attributes: str) -> bytes:
    told = " ".join(f"tiff:{name}={quoteattr(value)}" for name, value in attributes.items())
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf {told}>{text}</rdf></x:xmpmeta>'.encode()


def png_text(content: bytes, kind: bytes, data: bytes) -> bytes:
    """Put a chunk before the end of a PNG, behind its pixels."""
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content[:-12] + chunk + content[-12:]


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_edit_of_metadata_keeps_the_key(file_format):
    plain = content_key(saved(file_format))
    for options in (
        {"exif": exif(text="one")},
        {"exif": exif(1, "another, and longer")},
        {"exif": exif(text="one"), "xmp": xmp("words")},
        {"xmp": xmp("words", Orientation="1")},
    ):
        if file_format == "PNG" and "xmp" in options:
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
            options["pnginfo"] = info
        edited = saved(file_format, **options)
        assert edited != saved(file_format)
        assert content_key(edited) == plain


def test_comments_texts_and_times_of_each_format_do_not_count():
    jpeg, png = saved("JPEG"), saved("PNG")
    comment = b"\xff\xfe" + struct.pack(">H", 7) + b"words"
    iptc = b"\xff\xed" + struct.pack(">H", 18) + b"Photoshop 3.0\0ab"
    assert content_key(jpeg[:2] + comment + iptc + jpeg[2:]) == content_key(jpeg)
    assert content_key(saved("JPEG", comment="words", dpi=(300, 300))) == content_key(jpeg)
    for kind, data in ((b"tEXt", b"Title\0x"), (b"zTXt", b"Title\0\0" + zlib.compress(b"x")), (b"tIME", bytes(7))):
        assert content_key(png_text(png, kind, data)) == content_key(png)


@pytest.mark.parametrize("file_format", FORMATS)
def test_pixels_profile_and_turn_count(file_format):
    keys = {
        content_key(content)
        for content in (
            saved(file_format),
            saved(file_format, picture(255)),
            saved(file_format, icc_profile=PROFILE),
            *(saved(file_format, exif=exif(turn)) for turn in range(2, 9)),
        )
    }
    assert len(keys) == 10
    assert content_key(saved(file_format, exif=exif(6, "words"))) in keys


def test_a_turn_that_only_xmp_tells_counts_and_exif_goes_before_it():
    turned = content_key(saved("JPEG", exif=exif(6)))
    assert content_key(saved("JPEG", xmp=xmp("", Orientation="6"))) == turned
    assert content_key(saved("WEBP", xmp=xmp("", Orientation="6"))) == content_key(saved("WEBP", exif=exif(6)))
    assert content_key(saved("JPEG", xmp=xmp("", Orientation="3"), exif=exif(6))) == turned
    assert content_key(saved("JPEG", xmp=xmp("", Orientation="3"), exif=exif(1))) == content_key(saved("JPEG"))


def test_how_colours_are_stored_counts():
    jpeg = saved("JPEG")
    adobe = b"\xff\xee" + struct.pack(">H", 14) + b"Adobe\0\x64\0\0\0\0\0"
    assert content_key(jpeg[:2] + adobe + jpeg[2:]) != content_key(jpeg)


def test_an_animation_s_canvas_counts_and_a_still_picture_s_is_that_of_its_pixels():
    frames = [picture(), picture(255)]
    small = saved("WEBP", frames[0], save_all=True, append_images=frames[1:])
    assert content_key(saved("WEBP", frames[0], save_all=True, append_images=frames[1:], exif=exif(text="x"))) == (
        content_key(small)
    )
    assert content_key(small) != content_key(saved("WEBP", frames[0]))


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_without_metadata_has_the_key_of_its_bytes_as_before(file_format):
    content = saved(file_format)
    if file_format == "JPEG":
        content = content[:2] + content[20:]  # without JFIF's segment
    assert content_key(content) == hashlib.sha256(content).digest()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\xff\xd8" + b"\xff" * 100,
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\4\0\0\0WEBP",
        b"GIF89a",
    ],
)
def test_what_is_no_picture_has_the_key_of_its_bytes(content):
    assert content_key(content) == hashlib.sha256(content).digest()


def test_a_walk_over_countless_parts_ends():
    segments = b"\xff\xd8" + b"\xff\xfe\0\2" * 2_000_000
    assert content_key(segments) == hashlib.sha256(segments).digest()
    chunks = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tEXt\0\0\0\0" * 700_000
    assert content_key(chunks) == hashlib.sha256(chunks).digest()


@pytest.mark.parametrize("file_format", FORMATS)
def test_damaged_files_have_keys_too(file_format):
    chance = random.Random(file_format)
    content = saved(file_format, exif=exif(6, "words"), icc_profile=PROFILE)
    for _ in range(300):
        damaged = bytearray(content[: chance.randrange(len(content) + 1)] if chance.random() < 0.3 else content)
        for _ in range(min(len(damaged), chance.randrange(4))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert len(content_key(bytes(damaged))) == 32
