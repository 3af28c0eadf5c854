"""Which image formats can be read here: Pillow's own, and those of the extras that are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

# these by name: to find them Pillow would load all its readers, of which most are not wanted
from PIL import AvifImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401

from models.errors import ImageError, UnsupportedImageError
from models.imaging.isobmff_file import brands
from models.imaging.jxl_file import CODESTREAM, CONTAINER
from models.imaging.png_file import SIGNATURE
from models.imaging.suffixes import OTHER_SUFFIXES, SUFFIXES
from models.imaging.tiff_file import read_tiff
from models.imaging.webp_file import is_webp

DECODER_REVISION = 1
"""Goes up when the pixels of some images change; see ``revision``. Collections of before this was counted have 0."""

_EXTRAS = {"HEIF": ("heic", "pillow-heif"), "JXL": ("jxl", "pillow-jxl-plugin"), "RAW": ("raw", "rawpy")}
"""The extra that brings a format, and the package that reads it."""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


_VERSIONS = {name: _version(package) for name, (_, package) in _EXTRAS.items()}
_MISSING = frozenset(name for name, found in _VERSIONS.items() if found is None)

# Many images are decoded at once, each in one thread: threads of one would take memory and processors from the others.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
if "HEIF" not in _MISSING:
    from pillow_heif import register_heif_opener

    register_heif_opener(decode_threads=1)
if "JXL" not in _MISSING:
    from pillow_jxl import JpegXLImagePlugin

    JpegXLImagePlugin.DECODE_THREADS = 0

SUPPORTED_SUFFIXES: frozenset[str] = frozenset(
    suffix for name, suffixes in SUFFIXES.items() if name not in _MISSING for suffix in suffixes
)
KNOWN_UNSUPPORTED_SUFFIXES: frozenset[str] = OTHER_SUFFIXES.union(*SUFFIXES.values()) - SUPPORTED_SUFFIXES

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    SIGNATURE: "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    CODESTREAM: "JXL",
    CONTAINER: "JXL",
    b"II*\0\x10\0\0\0CR": "RAW",  # Canon
    b"FUJIFILMCCD-RAW": "RAW",
    b"IIRO": "RAW",  # Olympus
    b"IIRS": "RAW",
    b"MMOR": "RAW",
    b"IIU\0": "RAW",  # Panasonic
    b"FOVb": "RAW",  # Sigma
    b"\0MRM": "RAW",  # Minolta
    b"BM": "BMP",
}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BRANDS = {
    "AVIF": {b"avif", b"avis"},
    "RAW": {b"crx "},  # Canon
    "HEIF": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"},
}
_ADVICE = "convert it to JPEG, PNG or WebP"


def decoders() -> str:
    """Name the decoders that are installed, with their versions: a file that failed may not fail with others."""
    installed = {"semblance": str(DECODER_REVISION), "pillow": version("pillow")}
    installed |= {_EXTRAS[name][1]: found for name, found in _VERSIONS.items() if found}
    return ", ".join(f"{package} {found}" for package, found in installed.items())


def format_of(content: bytes) -> str:
    """Return the format that a file's first bytes tell, whatever its name.

    Raises:
        UnsupportedImageError: an image of a format that cannot be read here; the message names the extra that can.
        ImageError: not an image.
    """
    name = _format_of(content)
    if name in _MISSING:
        extra, _ = _EXTRAS[name]
        raise UnsupportedImageError(f"{name} images need the extra {extra}: pip install 'semblance[{extra}]'")
    return name


def _format_of(content: bytes) -> str:
    if not content:
        raise ImageError("the file is empty")
    name = next((name for magic, name in _MAGIC.items() if content.startswith(magic)), None)
    if name:
        return name
    if is_webp(content):
        return "WEBP"
    if content.startswith(_TIFF):
        return "RAW" if read_tiff(content).is_camera_raw else "TIFF"
    if found := brands(content):
        name = next((name for name, known in _BRANDS.items() if found & known), None)
        if not name:
            raise UnsupportedImageError(f"HEIF-like images of this kind are not supported; {_ADVICE}")
        return name
    if content.startswith(b"8BPS"):
        raise UnsupportedImageError(f"PSD images are not supported; {_ADVICE}")
    raise ImageError("not an image in JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP format")
