"""Which image formats can be read here: Pillow's own, and those of the extras that are installed."""

from __future__ import annotations

import PIL

from models.errors import ImageError, UnsupportedImageError
from models.imaging import png_file
from models.imaging.isobmff_file import brands
from models.imaging.webp_file import is_webp

DECODER_REVISION = 1
"""Goes up when the pixels of some images change; see ``revision``. Collections of before this was counted have 0."""

try:  # the extra `heic`
    import pillow_heif
except ImportError:
    _HEIF = None
else:
    pillow_heif.register_heif_opener()
    _HEIF = pillow_heif.__version__

_ALWAYS = {".jpg", ".jpeg", ".png", ".webp", ".gif"}
_HEIF_SUFFIXES = {".heic", ".heif"}
_OTHERS = {
    ".tif", ".tiff", ".bmp", ".avif", ".jp2", ".psd", ".svg",
    ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".raw", ".rw2",
}  # fmt: skip

SUPPORTED_SUFFIXES: frozenset[str] = frozenset(_ALWAYS | (_HEIF_SUFFIXES if _HEIF else set()))
KNOWN_UNSUPPORTED_SUFFIXES: frozenset[str] = frozenset((_OTHERS | _HEIF_SUFFIXES) - SUPPORTED_SUFFIXES)

_ACCEPTED = "JPEG, PNG, WebP or GIF"
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    png_file.SIGNATURE: "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
}
_FOREIGN = {b"II*\0": "TIFF", b"MM\0*": "TIFF", b"BM": "BMP", b"8BPS": "PSD"}


def decoders() -> str:
    """Name the decoders that are installed, with their versions: a file that failed may not fail with others."""
    installed = {"semblance": DECODER_REVISION, "pillow": PIL.__version__, "pillow-heif": _HEIF}
    return ", ".join(f"{name} {version}" for name, version in installed.items() if version is not None)


def format_of(content: bytes) -> str:
    """Return the format that a file's first bytes tell, whatever its name.

    Raises:
        UnsupportedImageError: an image of a format that cannot be read here; the message names the extra that can.
        ImageError: not an image.
    """
    for magic, name in _MAGIC.items():
        if content.startswith(magic):
            return name
    if is_webp(content):
        return "WEBP"
    if found := brands(content):
        return _boxed_format(found)
    for magic, name in _FOREIGN.items():
        if content.startswith(magic):
            raise UnsupportedImageError(f"{name} images are not supported; convert to {_ACCEPTED}")
    raise ImageError(f"not an image in {_ACCEPTED} format" if content else "the file is empty")


def _boxed_format(found: frozenset[bytes]) -> str:
    if not found & _HEIF_BRANDS:
        raise UnsupportedImageError(f"HEIF-like images of this kind are not supported; convert to {_ACCEPTED}")
    if not _HEIF:
        raise UnsupportedImageError("HEIC images need the extra: pip install 'semblance[heic]'")
    return "HEIF"
