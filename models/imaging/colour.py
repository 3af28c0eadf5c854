"""Converts pictures to sRGB, the colours that models were trained with and that screens show."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageCms

from models.imaging.profile import is_srgb

Recolour = Callable[[Image.Image], Image.Image]
"""Turns a picture of its file's colours into ``RGB`` or, where it has transparency, ``RGBA``."""

_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def recolour(mode: str, profile: bytes, *, transparent: bool) -> tuple[Recolour, str | None]:
    """Return how to convert pictures of a mode, and a remark where the profile could not be used.

    Args:
        mode: of the pictures, with 8 bits a channel.
        profile: ICC profile of the file; empty: its colours are taken for sRGB.
        transparent: keep the transparency.
    """
    shown = "RGBA" if transparent else "RGB"
    if mode == "LAB":
        return _through(ImageCms.createProfile("LAB"), "LAB", shown), None
    if not profile or is_srgb(profile):
        return lambda image: _as_mode(image, shown), None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = _SPACES[source.profile.xcolor_space]
        if space != mode.removesuffix("A") and (space != "RGB" or mode == "CMYK"):
            raise ValueError("a profile of other colours")  # noqa: TRY301 - ends as any other unusable profile
        return _through(source, space, shown), None
    except Exception:  # noqa: BLE001 - a damaged profile; Little CMS raises whatever it runs into
        return lambda image: _as_mode(image, shown), "its colour profile cannot be used; its colours are taken for sRGB"


def _through(source: object, space: str, shown: str) -> Recolour:
    """Return a conversion through profiles from the colour space that the source profile describes."""
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), space, "RGB")  # type: ignore[arg-type]

    def convert(image: Image.Image) -> Image.Image:
        alpha = image.convert("RGBA").getchannel("A") if shown == "RGBA" else None
        coloured = ImageCms.applyTransform(_as_mode(image, space), transform)
        assert coloured is not None  # noqa: S101 - it is only in place that nothing is returned
        if alpha:
            coloured.putalpha(alpha)
        return coloured

    return convert


def _as_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)
