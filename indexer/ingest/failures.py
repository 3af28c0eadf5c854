"""Why a file is no image, and what has to change before it is worth another try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from indexer.catalog.base import SeenFile
from models.errors import DecodeResourceError, ImageError, ImageTooLargeError, UnsupportedImageError
from models.imaging.formats import decoders
from models.imaging.limits import DecodeLimits

MAX_FILE_BYTES = 256 * 2**20
"""A larger file is no photograph, and reading it whole would fill the memory."""

FailureKind = Literal["format", "damaged", "limit", "resource"]
"""A format that no decoder here reads, damaged data, a limit, or memory and time that ran out."""


@dataclass(frozen=True)
class Failure:
    """Why a file is no image.

    Attributes:
        reason: for a person.
        kind: of the cause.
        decoder: the decoders, and of a limit the limits too, that there were; with others the file may be one.
    """

    reason: str
    kind: FailureKind
    decoder: str


def failure_of(error: ImageError, limits: DecodeLimits) -> Failure:
    """Return what is noted of a file that did not decode."""
    kind: FailureKind = "damaged"
    if isinstance(error, UnsupportedImageError):
        kind = "format"
    elif isinstance(error, ImageTooLargeError):
        kind = "limit"
    elif isinstance(error, DecodeResourceError):
        kind = "resource"
    return Failure(str(error), kind, _present(kind, limits))


def too_many_bytes(size: int, limits: DecodeLimits) -> Failure:
    """Return what is noted of a file that is too large to be read."""
    reason = f"{size:,} bytes, more than the limit of {MAX_FILE_BYTES:,}"
    return Failure(reason, "limit", _present("limit", limits))


def may_succeed(file: SeenFile, limits: DecodeLimits) -> bool:
    """Tell whether a file that failed, and has not changed, is worth another try.

    That is one whose cause may have passed, one for which decoders came, went or changed, one that was beyond other
    limits, and one of whose failure an earlier version noted no more than the reason.
    """
    kind = file.failure_kind
    return kind is None or kind == "resource" or file.decoder != _present(kind, limits)


def _present(kind: str, limits: DecodeLimits) -> str:
    if kind != "limit":
        return decoders()
    told = ", ".join(f"{name} {value}" for name, value in vars(limits).items())
    return f"{decoders()}; {told}, max_file_bytes {MAX_FILE_BYTES}"
