"""One request, and the photographs, captions and queries of the demonstration that requests are made of."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

DEMO = Path(__file__).parents[2] / "demo"

ID_DIGITS = 32
"""Hexadecimal digits of an image's id: the first ones of its file's SHA-256."""

NO_IMAGE = "0" * ID_DIGITS
NO_COLLECTION = "no-such-collection"

MODIFIERS = (["+snow"], ["-people"], ["+at night", "-water"], ["two words", "+grass -sky"], ["−city"])


@dataclass(frozen=True)
class Ask:
    """One request.

    Attributes:
        route: method and path as the interface's documentation writes them.
        name: what is asked, unique within the route.
        path: of this request.
        request: the other arguments of ``httpx.Client.request``.
        read: makes JSON of a successful answer's body; by default JSON is kept as it is, and of all else the SHA-256.
    """

    route: str
    name: str
    path: str
    request: Mapping[str, Any]
    read: Callable[[httpx.Response], Any] | None = None


class Demonstration:
    """What requests are made of: the demonstration's own files, and what a service says of its collection.

    Args:
        collection: the answer of ``GET /collections/{name}``.

    Attributes:
        name: of the collection.
        default_model: that answers where none is named.
        dimensions: of the vectors, by model.
        matchers: the model whose results each re-ranks, by matcher.
        captions: by file name.
        queries: ``demo/queries.toml``.
        sentences: the queries by words.
        uploads: names of the files that serve as query images.
        ids: of the images, by file name.
    """

    def __init__(self, collection: Mapping[str, Any]) -> None:
        self.name: str = collection["name"]
        self.default_model: str = collection["model"]
        self.dimensions: dict[str, int] = {model["name"]: model["dimension"] for model in collection["models"]}
        self.matchers: dict[str, str] = {matcher["name"]: matcher["model"] for matcher in collection["matchers"]}
        with (DEMO / "captions.csv").open(encoding="utf-8") as file:
            self.captions = {row["file"]: row["caption"] for row in csv.DictReader(file)}
        self.queries = tomllib.loads((DEMO / "queries.toml").read_text(encoding="utf-8"))
        self.sentences = [case["query"] for case in self.queries["text"]]
        self.uploads = sorted({case["image"] for kind in ("modified", "caption") for case in self.queries[kind]})
        self.ids = {file: hashlib.sha256(content_of(file)).hexdigest()[:ID_DIGITS] for file in self.captions}


def content_of(file: str) -> bytes:
    """Read a photograph of the demonstration."""
    return (DEMO / "photographs" / file).read_bytes()


def form(file: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a form with a photograph and the fields beside it, as arguments of ``httpx.Client.request``."""
    return {"files": {"file": (file, content_of(file), "image/jpeg")}, "data": data or {}}
