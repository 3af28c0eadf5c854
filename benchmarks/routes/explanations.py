"""Explanations: of matches with words, with an image of the collection, and with an upload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, pairwise
from typing import Any

import httpx

from benchmarks.routes.ask import MODIFIERS, NO_COLLECTION, NO_IMAGE, Ask, Demonstration, content_of, form
from benchmarks.routes.recording import mean_colours


def explanations(demonstration: Demonstration) -> Iterator[Ask]:
    """List explanations of words and of images of the collection."""
    captions, files = demonstration.captions, demonstration.uploads

    def of(file: str, name: str, **parameters: Any) -> Iterator[Ask]:
        asked = {"image_id": demonstration.ids[file], "collection": demonstration.name, **parameters}
        yield _get(f"{file} for {name}", asked)
        yield _get(f"{file} for {name}, painted", {**asked, "format": "png"}, mean_colours)

    for case in demonstration.queries["explain"]:
        yield from of(case["image"], repr(case["query"]), query=case["query"])
    for (file, other), modifiers in zip(pairwise(files), cycle(MODIFIERS), strict=False):
        other_id = demonstration.ids[other]
        yield from of(file, "its caption", query=captions[file])
        yield from of(file, f"its caption, modifiers {modifiers}", query=captions[file], modifier=modifiers)
        yield from of(file, other, query_image_id=other_id)
        yield from of(file, f"{other}, modifiers {modifiers}", query_image_id=other_id, modifier=modifiers)
    file, other = files[:2]
    for model in demonstration.dimensions:
        yield from of(file, f"its caption, model {model}", query=captions[file], model=model)
        yield from of(file, f"{other}, model {model}", query_image_id=demonstration.ids[other], model=model)


def refused_explanations(demonstration: Demonstration) -> Iterator[Ask]:
    """List what cannot be explained."""
    image_id = next(iter(demonstration.ids.values()))
    asked = {"image_id": image_id, "query": "a dog", "collection": demonstration.name}
    changed: dict[str, dict[str, Any]] = {
        "no image": {"image_id": None},
        "unknown image": {"image_id": NO_IMAGE},
        "no query": {"query": None},
        "an empty query": {"query": ""},
        "two queries": {"query_image_id": image_id},
        "unknown query image": {"query": None, "query_image_id": NO_IMAGE},
        "unknown method": {"method": "no-such-method"},
        "unknown format": {"format": "gif"},
        "unknown model": {"model": "no-such-model"},
        "unknown collection": {"collection": NO_COLLECTION},
        "unknown parameter": {"colour": "red"},
        "too many modifiers": {"modifier": ["+snow"] * 9},
    }
    for name, change in changed.items():
        parameters = {key: value for key, value in {**asked, **change}.items() if value is not None}
        yield _get(f"refused: {name}", parameters)


def explained_uploads(demonstration: Demonstration) -> Iterator[Ask]:
    """List explanations of uploads, and uploads that are refused."""
    files, ids = demonstration.uploads, demonstration.ids
    for file, other in pairwise(files):
        fields = {"image_id": ids[other], "collection": demonstration.name}
        yield _post(f"{other} for {file}", form(file, fields))
        yield _post(f"{other} for {file}, fields in the address", {**form(file), "params": fields})
        yield _post(f"{other} for {file}, modifiers", form(file, {**fields, "modifier": ["+snow", "-people"]}))
        yield _post(f"{other} for {file}, painted", form(file, {**fields, "format": "png"}), mean_colours)
    file, fields = files[0], {"image_id": ids[files[0]], "collection": demonstration.name}
    for model in demonstration.dimensions:
        yield _post(f"model {model}", form(file, {**fields, "model": model}))
    misnamed = {"other": ("a.jpg", content_of(file), "image/jpeg")}
    yield _post("refused: no file", {"files": misnamed, "data": fields})
    yield _post("refused: no image_id", form(file))
    yield _post("refused: a sentence beside the file", form(file, {**fields, "query": "a dog"}))
    yield _post("refused: unknown field", form(file, {**fields, "colour": "red"}))
    yield _post("refused: not a form", {"json": fields})
    yield _post("refused: no image", {"files": {"file": ("a.jpg", b"no image", "image/jpeg")}, "data": fields})


def _get(name: str, parameters: Mapping[str, Any], read: Callable[[httpx.Response], Any] | None = None) -> Ask:
    return Ask("GET /explain", name, "/explain", {"params": parameters}, read)


def _post(name: str, request: Mapping[str, Any], read: Callable[[httpx.Response], Any] | None = None) -> Ask:
    return Ask("POST /explain", name, "/explain", request, read)
