"""Builds the page: one HTML file that needs nothing else and asks nothing of a network."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lab.evaluation.embedding_map import map_embeddings
from lab.evaluation.encoded import EncodedSet
from lab.evaluation.report.map_view import map_section
from lab.evaluation.report.measures import sections_of
from lab.evaluation.report.pictures import pictures_section
from lab.evaluation.report.sections import Figures, Section
from models.cards import EncoderCard

_FOLDER = Path(__file__).parent / "templates"
_PACKAGES = ("semblance", "numpy", "torch", "openvino", "opentsne")


def report_page(
    encoded: EncodedSet,
    card: EncoderCard,
    figures: Mapping[str, Figures],
    *,
    date: str,
    pictures: bool = True,
    galleries: Sequence[Section] = (),
) -> str:
    """Return the page of everything that was measured.

    Args:
        encoded: the set.
        card: of the model that encoded it.
        figures: by the names of the measures; what is absent is not shown.
        date: of the report, as it is to be read.
        pictures: show photographs and captions; without, the page holds figures, plots and the map's points only.
        galleries: further sections with photographs.

    Raises:
        InputError: figures that lack a value, or fewer than two images.
    """
    sections = [*sections_of(figures), map_section(encoded, map_embeddings(encoded), pictures=pictures)]
    if pictures:
        sections += [pictures_section(encoded), *galleries]
    return _render(encoded, card, sections, date)


def map_page(encoded: EncodedSet, card: EncoderCard, *, date: str) -> str:
    """Return a page of the map alone."""
    return _render(encoded, card, [map_section(encoded, map_embeddings(encoded), pictures=True)], date)


def _render(encoded: EncodedSet, card: EncoderCard, sections: Sequence[Section], date: str) -> str:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_FOLDER / "map.js").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        title=f"{card.name} on {encoded.data.name}",
        sections=sections,
        provenance=_provenance(encoded, card, date),
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _provenance(encoded: EncodedSet, card: EncoderCard, date: str) -> dict[str, str]:
    return {
        "model": f"{card.name}, {card.dimension} dimensions",
        "weights": f"SHA-256 {card.weights_sha256}",
        "data": f"{encoded.data.name}: {len(encoded.images):,} images, {len(encoded.captions):,} captions",
        "date": date,
        "versions": ", ".join(filter(None, (f"python {platform.python_version()}", *map(_version, _PACKAGES)))),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores",
    }


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")
