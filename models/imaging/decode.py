"""Decodes untrusted image files: an allow-list of formats, a pixel cap read from the header, upright RGB out."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from models.errors import ImageError, ImageTooLargeError, UnsupportedImageError
from models.imaging.photograph import Photograph
from models.types import Pixels

DEFAULT_MAX_PIXELS = 40_000_000
"""Cap on width x height; 40 megapixels decode to 120 MB."""

_FORMATS = ["JPEG", "PNG", "WEBP", "GIF"]
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}
_HEIF_SUFFIXES = {".heic", ".heif"}
_RAW_AND_OTHERS = {
    ".tif", ".tiff", ".bmp", ".avif", ".jp2", ".psd", ".svg",
    ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".raw", ".rw2",
}  # fmt: skip

Image.MAX_IMAGE_PIXELS = None  # the cap here is a parameter, an error rather than a warning, and read from the header
# Of odd metadata. Once for all: warnings.catch_warnings changes global state and is not for threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

try:  # the extra `heic`
    from pillow_heif import register_heif_opener
except ImportError:
    pass
else:
    register_heif_opener()
    _FORMATS.append("HEIF")
    _SUFFIXES |= _HEIF_SUFFIXES

SUPPORTED_SUFFIXES: frozenset[str] = frozenset(_SUFFIXES)
KNOWN_UNSUPPORTED_SUFFIXES: frozenset[str] = frozenset((_RAW_AND_OTHERS | _HEIF_SUFFIXES) - _SUFFIXES)


@dataclass(frozen=True)
class DecodeLimits:
    """What decoding one image may cost.

    Attributes:
        max_pixels: cap on width x height, judged from the header before anything is decoded.
    """

    max_pixels: int = DEFAULT_MAX_PIXELS


class ImageDecoder(Protocol):
    """Decodes images within limits of its own; safe to call from several threads.

    Every image that comes from outside, query or photograph, goes through one: where and under which limits the work is
    done can so be changed in one place.
    """

    def decode(self, content: bytes, *, shrink_to: int | None = None) -> Photograph:
        """Decode one image; see ``decode_image``."""
        ...


class InProcessDecoder:
    """The ``ImageDecoder`` that works in the thread that calls it."""

    def __init__(self, limits: DecodeLimits = DecodeLimits()) -> None:
        self._limits = limits

    def decode(self, content: bytes, *, shrink_to: int | None = None) -> Photograph:
        """See ``ImageDecoder``."""
        return decode_image(content, self._limits, shrink_to=shrink_to)


def decode_image(
    content: bytes,
    limits: DecodeLimits = DecodeLimits(),
    *,
    shrink_to: int | None = None,
) -> Photograph:
    """Decode one image to upright RGB. Arguments and result can be pickled: the work may be given to another process.

    Args:
        content: the bytes of the file.
        limits: what it may cost.
        shrink_to: allow a smaller result whose sides are at least this many pixels; a JPEG then decodes up to 10 times
            faster (its own 1/2, 1/4, 1/8 scales), and memory is bounded.

    Returns:
        The photograph. Of an animation the first frame; transparency lies on white; 16-bit, CMYK, palette and grey
        images become RGB.

    Raises:
        ImageTooLargeError: more pixels than the limit.
        UnsupportedImageError: an image, but of a format that is not accepted.
        ImageError: not an image, truncated or damaged.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            return _photograph(image, limits.max_pixels, shrink_to)
    except UnidentifiedImageError:
        raise _unidentified(content) from None
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001 - on damaged data Pillow's parsers raise whatever they run into
        raise ImageError(f"the image is damaged or truncated ({_reason(error)})") from None


def _photograph(image: Image.Image, max_pixels: int, shrink_to: int | None) -> Photograph:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"the image has {width:,} x {height:,} = {width * height:,} pixels; the limit is {max_pixels:,}"
        )
    file_format = image.format or ""
    if shrink_to:
        scale = shrink_to / min(width, height)
        # draft never goes below the asked size, so no side becomes smaller than shrink_to
        image.draft(None, (max(1, round(width * scale)), max(1, round(height * scale))))
    image.load()
    exif = image.getexif()
    upright = ImageOps.exif_transpose(image)
    if exif.get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):
        width, height = height, width
    return Photograph(
        pixels=_rgb(upright),
        width=width,
        height=height,
        format=file_format,
        taken_at=_taken_at(exif),
        camera=_camera(exif),
    )


def _rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow's own conversion clips 16-bit values at 255 instead of scaling them
        grey = (np.asarray(image, dtype=np.int64).clip(0, 65535) >> 8).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.new("RGB", rgba.size, (255, 255, 255))
        image.paste(rgba, mask=rgba.getchannel("A"))
    return np.array(image.convert("RGB"))


def _taken_at(exif: Image.Exif) -> datetime | None:
    details = exif.get_ifd(ExifTags.IFD.Exif)
    text = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    with suppress(ValueError, TypeError):
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    return None


def _camera(exif: Image.Exif) -> str | None:
    make, model = (
        " ".join(str(exif.get(tag) or "").replace("\0", " ").split())
        for tag in (ExifTags.Base.Make, ExifTags.Base.Model)
    )
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
    return name[:120] or None


def _unidentified(content: bytes) -> ImageError:
    head = content[:32]
    if not head:
        return ImageError("the file is empty")
    names = {b"II*\0": "TIFF", b"MM\0*": "TIFF", b"BM": "BMP", b"8BPS": "PSD"}
    for magic, name in names.items():
        if head.startswith(magic):
            return UnsupportedImageError(f"{name} images are not supported; convert to JPEG, PNG, WebP or GIF")
    if head[4:8] == b"ftyp":
        extra = "" if "HEIF" in _FORMATS else " (HEIC needs the extra: pip install 'semblance[heic]')"
        return UnsupportedImageError(f"HEIF-like images of this kind are not supported{extra}")
    return ImageError("not an image in JPEG, PNG, WebP or GIF format")


def _reason(error: BaseException) -> str:
    # Pillow's texts can hold paths and object addresses; only their plain beginning is of use
    text = str(error).split("<", 1)[0].strip() or type(error).__name__
    return text[:80]
