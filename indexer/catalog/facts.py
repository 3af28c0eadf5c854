"""How facts of images are written: all of an image that is new, and what its first file tells of one that is known."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import bindparam, func, select, update

from indexer.catalog.base import ImageFacts, content_id
from indexer.catalog.tables import files, images

_FACTS = [field.name for field in fields(ImageFacts) if field.name != "told_by"]
_KEPT = ("sha256", "added_at", "decoder_revision", "remark")

# When an image was first indexed makes no new state: it would differ in a catalog that was lost and made anew.
VISIBLE_FACTS = [images.c[name] for name in _FACTS if name not in ("added_at", "decoder_revision")]
"""The columns that readers see."""

_NEW = {name: bindparam(f"new_{name}", type_=images.c[name].type) for name in (*_FACTS, "orientation")}
_KEYS = select(files.c.path).where(files.c.image_id == images.c.id)
_FIRST_KEY = _KEYS.order_by(files.c.path).limit(1).scalar_subquery()

TELL = (
    update(images)
    .where(images.c.id == bindparam("new_id"), bindparam("told_by", type_=files.c.path.type) == _FIRST_KEY)
    .values(
        {name: value for name, value in _NEW.items() if name not in _KEPT}
        | {"remark": func.coalesce(_NEW["remark"], images.c.remark)}
    )
)
"""Replaces the facts of an image where the file that told them is its first."""

REVISE = update(images).where(images.c.id == bindparam("new_id")).values(decoder_revision=_NEW["decoder_revision"])
"""Notes which decoder has read an image."""


def image_line(image: ImageFacts) -> dict[str, Any]:
    """Return what is inserted for an image that is new."""
    known = {name: getattr(image, name) for name in _FACTS}
    return {"id": content_id(image.sha256), "orientation": image.orientation, **known}


def told_line(image: ImageFacts) -> dict[str, Any]:
    """Return the parameters of ``TELL`` and ``REVISE``, which must not be called as columns are."""
    return {f"new_{name}": value for name, value in image_line(image).items()} | {"told_by": image.told_by}
