"""Decodes untrusted image files: an allow-list of formats, limits judged from the header, upright sRGB out."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import replace
from typing import Protocol

from PIL import Image, UnidentifiedImageError

from models.errors import DecodeResourceError, ImageError
from models.imaging.cost import check_limits, draft_size, shrink_factor
from models.imaging.exif import LYING
from models.imaging.facts import read_facts
from models.imaging.file_parts import MAX_METADATA_BYTES, FileParts
from models.imaging.header import read_header
from models.imaging.image_header import ImageHeader
from models.imaging.isobmff_file import without_exif
from models.imaging.jpeg_file import EOI, read_jpeg_header
from models.imaging.limits import DEFAULT_LIMITS, DecodeLimits
from models.imaging.photograph import Photograph
from models.imaging.pixels import rgb_pixels, turn_upright
from models.imaging.raw_file import extract_preview
from models.imaging.split import split_file
from models.imaging.truncation import missing_share

_MOST_MISSING = 0.1
"""Of the bytes of a JPEG; what is cut off by more is no picture of what it was to show."""

Image.MAX_IMAGE_PIXELS = None  # the limits here are parameters, errors rather than warnings, and read from the header
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
    """Decode one image to upright sRGB. Arguments and result can be pickled: the work may be given to another process.

    Args:
        content: the bytes of the file.
        limits: what it may cost.
        shrink_to: allow a smaller result whose sides are at least this many pixels; a JPEG then decodes up to 10 times
            faster (its own 1/2, 1/4, 1/8 scales), other formats are divided by a whole number, and memory is bounded.

    Returns:
        The photograph. Of an animation the first frame; what is transparent lies on white, or on black where it would
        hardly be seen on white; colour profiles are converted to sRGB; 16-bit, CMYK, palette and grey images become
        RGB. Bad metadata refuses no pixels, and a JPEG may lack its last bytes: a remark tells.

    Raises:
        ImageTooLargeError: beyond a limit; the message names it and the variable that sets it.
        UnsupportedImageError: an image, but of a format that is not accepted, or that needs an extra.
        DecodeResourceError: there was not memory enough.
        ImageError: not an image, truncated or damaged.
    """
    header = read_header(content)
    check_limits(header, limits, shrink_to)
    try:
        return _decode(content, header, limits, shrink_to)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"the image is damaged, or a {header.format} of a kind that cannot be read here") from None
    except Exception as error:  # noqa: BLE001 - on damaged data Pillow's parsers raise whatever they run into
        if isinstance(error, MemoryError) or "memory" in str(error).lower():
            raise DecodeResourceError("there is not memory enough to decode the image; try again later") from None
        raise ImageError(f"the image is damaged or truncated ({_reason(error)})") from None


def _decode(content: bytes, header: ImageHeader, limits: DecodeLimits, shrink_to: int | None) -> Photograph:
    if header.format == "RAW":
        return _decode_raw(content, limits, shrink_to)
    parts = split_file(content, header.format)
    remark = None
    if header.format == "JPEG" and not parts.image.endswith(EOI):
        parts, remark = _ended(parts)
    with _opened(parts.image, header.format) as image:
        width, height = image.size
        # what the decoder sees is what counts, should it read a header otherwise than we do
        header = replace(header, width=width, height=height)
        check_limits(header, limits, shrink_to)
        parts = _with_metadata(parts, image)
        if shrink_to:
            # draft never goes below the asked size, so no side becomes smaller than shrink_to
            image.draft(None, draft_size(width, height, shrink_to))
        image.load()
        loaded = replace(header, width=image.width, height=image.height)
        factor = 1 if header.scales else shrink_factor(loaded, shrink_to)
        pixels, odd_colours = rgb_pixels(image, parts.profile, factor)
    facts = read_facts(parts)
    orientation = None if parts.is_upright else facts.orientation
    if orientation in LYING:
        width, height = height, width
    return Photograph(
        pixels=turn_upright(pixels, orientation),
        width=width,
        height=height,
        format=header.format,
        taken_at=facts.taken_at,
        camera=facts.camera,
        lens=facts.lens,
        iso=facts.iso,
        latitude=facts.latitude,
        longitude=facts.longitude,
        tags=facts.tags,
        title=facts.title,
        remark="; ".join(filter(None, (remark, odd_colours, facts.remark))) or None,
    )


def _opened(content: bytes, file_format: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=[file_format])
    except Exception:
        # Pillow's AVIF reader parses EXIF before the picture
        spared = without_exif(content) if file_format in ("AVIF", "HEIF") else content
        if spared == content:
            raise
        return Image.open(io.BytesIO(spared), formats=[file_format])


def _decode_raw(content: bytes, limits: DecodeLimits, shrink_to: int | None) -> Photograph:
    """Decode the preview of a camera's raw file, of which the raw file itself tells more."""
    preview = extract_preview(content)
    header = read_jpeg_header(preview)
    check_limits(header, limits, shrink_to)
    shown = _decode(preview, header, limits, shrink_to)
    told = vars(read_facts(FileParts(b"", exif=content)))
    known = {name: value for name, value in told.items() if hasattr(shown, name) and value and name != "remark"}
    return replace(shown, format="RAW", **known)


def _ended(parts: FileParts) -> tuple[FileParts, str]:
    """End a JPEG that lacks its last bytes, unless these were too many."""
    missing = missing_share(parts.image)
    if missing > _MOST_MISSING:
        raise ImageError("the image is truncated (a JPEG of which a large part is missing)")
    return replace(parts, image=parts.image + EOI), "its last bytes are missing"


def _with_metadata(parts: FileParts, image: Image.Image) -> FileParts:
    """Return a file's parts with the metadata that only Pillow can take out of it."""
    if parts.exif or parts.xmp or parts.profile:
        return parts
    found = {
        part: value
        for part, key in (("exif", "exif"), ("xmp", "xmp"), ("profile", "icc_profile"))
        if isinstance(value := image.info.get(key), bytes) and len(value) <= MAX_METADATA_BYTES
    }
    exif = found.get("exif", b"").removeprefix(b"Exif\0\0")
    return replace(parts, exif=exif, xmp=found.get("xmp", b""), profile=found.get("profile", b""))


def _reason(error: BaseException) -> str:
    # texts of libraries can hold paths, object addresses and advice; only their plain beginning is of use
    text = re.split(r"<|\n|\. ", str(error), maxsplit=1)[0].strip() or type(error).__name__
    return text[:80]
