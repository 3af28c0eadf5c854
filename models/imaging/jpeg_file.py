"""Reads the structure of a JPEG file: its frame, its scans, its metadata segments.

ITU-T T.81 (1992), annex B. Only segments before the first scan are walked through; the rest is searched by C code, so
that a hostile file costs no more than a large one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from models.errors import ImageError, UnsupportedImageError
from models.imaging.file_parts import MAX_METADATA_BYTES, FileParts
from models.imaging.image_header import ImageHeader

EOI = b"\xff\xd9"
"""What ends a picture."""

_SOI, _SOS = b"\xff\xd8", 0xDA
_APP0, _APP1, _APP2, _APP13, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xEF, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DECODABLE = {0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA}  # hierarchical ones are in no library
_PROGRESSIVE = {0xC2, 0xCA}
_LOSSLESS = {0xC3}
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
_SCAN_OR_END = re.compile(rb"\xff[\xd9\xda]")
_MOST_SCANS = 10_000
MOST_SEGMENTS = 5000
"""Before the first scan; the most are extended XMP and profiles, each in pieces of 64 KB."""

_EXIF, _XMP, _ICC, _PHOTOSHOP = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0"
_IPTC_RESOURCE = 0x0404


@dataclass(frozen=True)
class JpegFile:
    """The structure of a JPEG.

    Attributes:
        frame: marker of the frame's kind.
        width: in pixels.
        height: in pixels.
        components: colours.
        segments: marker and place of each segment before the first scan: from its marker to its end.
        scan_start: where the first scan's header begins.
        end: where the picture ends, behind its EOI marker if there is one; further pictures may follow.
        whole: there is an EOI marker.
        scans: at least as many as a decoder meets before ``end``.
        interleaved: the first scan holds all components.
    """

    frame: int
    width: int
    height: int
    components: int
    segments: tuple[tuple[int, int, int], ...]
    scan_start: int
    end: int
    whole: bool
    scans: int
    interleaved: bool

    @property
    def progressive(self) -> bool:
        """Whether a decoder holds all coefficients, because the picture comes in several scans."""
        return self.frame in _PROGRESSIVE or not self.interleaved


def read_jpeg(content: bytes, most_segments: int = MOST_SEGMENTS) -> JpegFile:
    """Read the structure of a JPEG; one of more segments is refused.

    Raises:
        UnsupportedImageError: a kind of JPEG that no decoder here reads.
        ImageError: no frame or no scan is found.
    """
    segments = tuple(_segments(content, most_segments))
    frames = [(marker, start) for marker, start, _ in segments if marker in _FRAMES]
    if not frames or segments[-1][0] != _SOS:
        raise ImageError("the image is damaged or truncated (a JPEG without a picture)")
    marker, start = frames[-1]
    frame = content[start + 4 : start + 10]
    if marker not in _DECODABLE:
        raise UnsupportedImageError("hierarchical JPEG images are not supported; convert to ordinary JPEG")
    if len(frame) < 6:
        raise ImageError("the image is damaged or truncated (a JPEG without a picture)")
    if frame[0] != 8:
        raise UnsupportedImageError(f"JPEG images of {frame[0]} bits a colour are not supported; convert to 8 bits")
    scan_start, scan_data = segments[-1][1:]
    end, whole, scans = _end(content, scan_data)
    return JpegFile(
        frame=marker,
        width=int.from_bytes(frame[3:5], "big"),
        height=int.from_bytes(frame[1:3], "big"),
        components=frame[5],
        segments=segments[:-1],
        scan_start=scan_start,
        end=end,
        whole=whole,
        scans=scans,
        interleaved=content[scan_start + 4 : scan_start + 5] == frame[5:6],
    )


def read_jpeg_header(content: bytes, most_segments: int = MOST_SEGMENTS) -> ImageHeader:
    """Read the header of a JPEG; see ``read_jpeg``."""
    file = read_jpeg(content, most_segments)
    return ImageHeader(
        format="JPEG",
        width=file.width,
        height=file.height,
        channels=file.components,
        progressive=file.progressive,
        scans=file.scans if file.progressive else 1,
        scales=file.frame not in _LOSSLESS,
        profiled=any(_holds(content, segment, _APP2, _ICC) for segment in file.segments),
    )


def split_jpeg(content: bytes) -> FileParts:
    """Take a JPEG apart; of several pictures in one file the first counts."""
    file = read_jpeg(content)
    kept = [content[start:end] for marker, start, end in file.segments if not _is_metadata(marker)]
    return FileParts(
        image=b"".join([_SOI, *kept, memoryview(content)[file.scan_start : file.end]]),
        exif=_joined(content, file, _APP1, _EXIF)[1:],  # a second zero follows
        xmp=_joined(content, file, _APP1, _XMP),
        iptc=_iptc(_joined(content, file, _APP13, _PHOTOSHOP)),
        profile=_profile(content, file),
    )


def _segments(content: bytes, most: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan's header, that included."""
    at = len(_SOI)
    for _ in range(most):
        found = _MARKER.search(content, at)
        if not found or found[0] == EOI:
            return
        start, marker = found.start(), found[0][1]
        length = int.from_bytes(content[start + 2 : start + 4], "big")
        at = start + 2 + max(length, 2)
        if at > len(content):
            return
        yield marker, start, at
        if marker == _SOS:
            return
    raise ImageError(f"the image is damaged (a JPEG of more than {most:,} segments)")


def _end(content: bytes, at: int) -> tuple[int, bool, int]:
    """Return where a picture ends whose first scan begins before, whether by an EOI marker, and its scans.

    Nothing behind this end is given to a decoder: it meets no more scans than were counted.
    """
    scans = 1
    for found in _SCAN_OR_END.finditer(content, at):
        if found[0] == EOI:
            return found.end(), True, scans
        scans += 1
        if scans > _MOST_SCANS:
            return found.start(), False, scans
    return len(content), False, scans


def _is_metadata(marker: int) -> bool:
    """Tell whether a segment is of no use to the pixels; JFIF's and Adobe's tell how colours are stored."""
    return marker == _COM or (_APP0 < marker <= _APP15 and marker != _APP14)


def _holds(content: bytes, segment: tuple[int, int, int], marker: int, name: bytes) -> bool:
    return segment[0] == marker and content.startswith(name, segment[1] + 4)


def _joined(content: bytes, file: JpegFile, marker: int, name: bytes) -> bytes:
    """Return what follows a name in the segments that begin with it."""
    pieces = [
        content[segment[1] + 4 + len(name) : segment[2]]
        for segment in file.segments
        if _holds(content, segment, marker, name)
    ]
    joined = b"".join(pieces)
    return joined if len(joined) <= MAX_METADATA_BYTES else b""


def _profile(content: bytes, file: JpegFile) -> bytes:
    """Return the ICC profile, whose pieces bear their number and how many there are (ICC.1:2022, annex B.4)."""
    start = 4 + len(_ICC)
    holding = [segment for segment in file.segments if _holds(content, segment, _APP2, _ICC)]
    pieces = sorted(content[at + start : end] for _, at, end in holding)
    if any(piece[:2] != bytes((number, len(pieces))) for number, piece in enumerate(pieces[:255], 1)):
        return b""
    profile = b"".join(piece[2:] for piece in pieces)
    return profile if len(profile) <= MAX_METADATA_BYTES else b""


def _iptc(resources: bytes) -> bytes:
    """Return the IPTC part of Photoshop's image resources."""
    at = 0
    while resources.startswith(b"8BIM", at):
        name_bytes = resources[at + 6 : at + 7]
        size_at = at + 6 + (1 + int.from_bytes(name_bytes, "big") + 1) // 2 * 2
        size = int.from_bytes(resources[size_at : size_at + 4], "big")
        if int.from_bytes(resources[at + 4 : at + 6], "big") == _IPTC_RESOURCE:
            return resources[size_at + 4 : size_at + 4 + size]
        at = size_at + 4 + (size + 1) // 2 * 2
    return b""
