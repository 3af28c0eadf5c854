"""Decodes untrusted image files: an allow-list of formats, a pixel cap read from the header, upright RGB out."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import numpy as np
from PIL import ExifTags, Image, ImageOps

from models.errors import DecodeResourceError, ImageError
from models.imaging.cost import check_limits, draft_size
from models.imaging.header import read_header
from models.imaging.limits import DEFAULT_LIMITS, DecodeLimits
from models.imaging.photograph import Photograph
from models.types import Pixels

Image.MAX_IMAGE_PIXELS = None  # the cap here is a parameter, an error rather than a warning, and read from the header
# Of odd metadata. Once for all: warnings.catch_warnings changes global state and is not for threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageDecoder(Protocol):
    """Decodes images within limits of its own; safe to call from several threads.

    Every image that comes from outside, query or photograph, goes through one: where and under which limits the work is
    done can so be changed in one place.
    """

    @property
    def limits(self) -> DecodeLimits:
        """What an image may cost."""
        ...

    def decode(self, content: bytes, *, shrink_to: int | None = None) -> Photograph:
        """Decode one image; see ``decode_image``."""
        ...


class InProcessDecoder:
    """The ``ImageDecoder`` that works in the thread that calls it."""

    def __init__(self, limits: DecodeLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits

    def decode(self, content: bytes, *, shrink_to: int | None = None) -> Photograph:
        """See ``ImageDecoder``."""
        return decode_image(content, self.limits, shrink_to=shrink_to)


def decode_image(
    content: bytes,
    limits: DecodeLimits = DEFAULT_LIMITS,
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
        ImageTooLargeError: beyond a limit; the message names it and the variable that sets it.
        UnsupportedImageError: an image, but of a format that is not accepted, or that needs an extra.
        DecodeResourceError: there was not memory enough.
        ImageError: not an image, truncated or damaged.
    """
    header = read_header(content)
    check_limits(header, limits, shrink_to)
    try:
        with Image.open(io.BytesIO(content), formats=[header.format]) as image:
            return _photograph(image, shrink_to)
    except MemoryError:
        raise DecodeResourceError("there was not memory enough to decode the image; try again later") from None
    except Exception as error:  # noqa: BLE001 - on damaged data Pillow's parsers raise whatever they run into
        raise ImageError(f"the image is damaged or truncated ({_reason(error)})") from None


def _photograph(image: Image.Image, shrink_to: int | None) -> Photograph:
    width, height = image.size
    file_format = image.format or ""
    if shrink_to:
        # draft never goes below the asked size, so no side becomes smaller than shrink_to
        image.draft(None, draft_size(width, height, shrink_to))
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


def _reason(error: BaseException) -> str:
    # Pillow's texts can hold paths and object addresses; only their plain beginning is of use
    text = str(error).split("<", 1)[0].strip() or type(error).__name__
    return text[:80]
