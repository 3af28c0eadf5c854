"""Reads what EXIF tells of a photograph; each value on its own, so that a bad one spoils no other.

CIPA DC-008-2023, Exchangeable image file format, version 3.0.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from models.imaging.plain_text import plain_text

Tags = Callable[[int], Any]
"""Gives the value of a tag, None where there is none that can be read."""

_NAME_CHARS, _TITLE_CHARS = 120, 500
_SENSITIVITIES = (Base.ISOSpeedRatings, Base.RecommendedExposureIndex, Base.ISOSpeed)
_BIG_TIFF = 43
_FIRST = object()
_UNKNOWN_ISO = 65535  # told by another tag
_MAX_ISO = 10_000_000

LYING = frozenset({5, 6, 7, 8})
"""Orientations that exchange width and height."""


@dataclass(frozen=True)
class FileFacts:
    """What a file tells beside its pixels; see ``Photograph``.

    Attributes:
        orientation: how the picture has to be turned, 1 to 8.
        remark: what of the metadata could not be read.
    """

    orientation: int | None = None
    taken_at: datetime | None = None
    camera: str | None = None
    lens: str | None = None
    iso: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()
    remark: str | None = None


def read_exif(exif: bytes) -> FileFacts:
    """Read EXIF data; of garbage nothing, and a remark."""
    first = _directory(exif, _FIRST)
    if not first:
        return FileFacts(remark="its EXIF data cannot be read" if exif else None)
    main = _look_up(first)
    details, place = (_look_up(_directory(exif, main(tag))) for tag in (IFD.Exif, IFD.GPSInfo))
    latitude, longitude = (
        _degrees(place(GPS.GPSLatitude), place(GPS.GPSLatitudeRef), "S", 90),
        _degrees(place(GPS.GPSLongitude), place(GPS.GPSLongitudeRef), "W", 180),
    )
    known = latitude is not None and longitude is not None and (latitude, longitude) != (0, 0)  # 0, 0: no fix yet
    keywords = (_windows_text(main(Base.XPKeywords)) or "").split(";")
    return FileFacts(
        orientation=_orientation(main(Base.Orientation)),
        taken_at=_time(details(Base.DateTimeOriginal)) or _time(main(Base.DateTime)),
        camera=_camera(main),
        lens=plain_text(details(Base.LensModel), _NAME_CHARS),
        iso=_iso(details),
        latitude=latitude if known else None,
        longitude=longitude if known else None,
        title=plain_text(_windows_text(main(Base.XPTitle)) or main(Base.ImageDescription), _TITLE_CHARS),
        tags=tuple(word for word in (plain_text(keyword, _NAME_CHARS) for keyword in keywords) if word),
    )


def _directory(exif: bytes, offset: Any) -> ImageFileDirectory_v2 | None:
    """Return a directory; where the first one begins, the header tells."""
    with suppress(Exception):  # Pillow's parser raises whatever it runs into
        directory = ImageFileDirectory_v2(exif[: 16 if _BIG_TIFF in exif[2:4] else 8])
        file = io.BytesIO(exif)
        file.seek(directory.next if offset is _FIRST else offset)
        directory.load(file)
        return directory
    return None


def _look_up(directory: ImageFileDirectory_v2 | None) -> Tags:
    def look_up(tag: int) -> Any:
        with suppress(Exception):
            return directory[tag] if directory is not None else None
        return None

    return look_up


def _orientation(value: object) -> int | None:
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def _time(value: object) -> datetime | None:
    with suppress(ValueError, TypeError):
        return datetime.strptime(str(value).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    return None


def _camera(main: Tags) -> str | None:
    make, model = (plain_text(main(tag), _NAME_CHARS) or "" for tag in (Base.Make, Base.Model))
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
    return name[:_NAME_CHARS] or None


def _iso(details: Tags) -> int | None:
    for tag in _SENSITIVITIES:
        value = details(tag)
        value = value[0] if isinstance(value, tuple) and value else value
        if isinstance(value, int) and 0 < value <= _MAX_ISO and value != _UNKNOWN_ISO:
            return value
    return None


def _degrees(value: object, reference: object, negative: str, most: int) -> float | None:
    """Return an angle given in degrees, minutes and seconds."""
    with suppress(ValueError, TypeError, ZeroDivisionError, OverflowError):
        degrees, minutes, seconds = (float(part) for part in value)  # type: ignore[attr-defined]
        angle = degrees + minutes / 60 + seconds / 3600
        if math.isfinite(angle) and 0 <= angle <= most:
            return -angle if str(reference).strip("\0 ").upper() == negative else angle
    return None


def _windows_text(value: object) -> str | None:
    return value.decode("utf-16-le", "ignore") if isinstance(value, bytes) else None
