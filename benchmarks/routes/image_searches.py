"""Searches by an image, and captions that are written for it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.routes.ask import MODIFIERS, NO_COLLECTION, NO_IMAGE, Ask, Demonstration, content_of, form

_CAPTIONERS = ("show-and-tell", "show-attend-tell")


def image_searches(demonstration: Demonstration) -> Iterator[Ask]:
    """List searches that have an answer."""
    collection, ids = demonstration.name, demonstration.ids
    for file, image_id in ids.items():
        yield _image(f"by the id of {file}", {"json": {"id": image_id}}, collection=collection)
        yield _image(
            f"captions by the id of {file}", {"json": {"id": image_id}}, collection=collection, target="text", k=5
        )
    for file in demonstration.uploads:
        sources = {"a form": form(file), "a body": _raw(content_of(file)), "Base64": _base64(content_of(file))}
        for source, request in sources.items():
            yield _image(f"{file} as {source}", request, collection=collection)
        yield _image(f"captions for {file}", form(file), collection=collection, target="text", k=5)
        for modifiers in MODIFIERS:
            yield _image(f"{file}, modifiers {modifiers}", form(file), collection=collection, modifier=modifiers)
    for case in demonstration.queries["modified"]:
        file, modifier = case["image"], case["modifier"]
        for name, target in (("", "image"), ("captions, ", "text")):
            request = {"json": {"id": ids[file]}}
            yield _image(
                f"{name}the id of {file}, modifier {modifier!r}",
                request,
                collection=collection,
                modifier=modifier,
                target=target,
            )
    first = demonstration.uploads[0]
    for k, offset in ((1, 0), (100, 0), (10, 10), (7, 100), (10, 1000)):
        yield _image(f"k={k}, offset={offset}", {"json": {"id": ids[first]}}, collection=collection, k=k, offset=offset)
    yield _image("no collection is named", form(first))
    for model, dimension in demonstration.dimensions.items():
        asked = {"collection": collection, "model": model}
        yield _image(f"an upload, model {model}", form(first), **asked)
        yield _image(f"by id, model {model}", {"json": {"id": ids[first]}}, **asked)
        for seed in range(3):
            embedding = {"json": {"embedding": _embedding(dimension, seed)}}
            yield _image(f"embedding {seed} of {model}", embedding, **asked)
            yield _image(f"embedding {seed} of {model}, modifiers", embedding, **asked, modifier=["+snow", "-people"])
            yield _image(f"captions by embedding {seed} of {model}", embedding, **asked, target="text")


def generated_captions(demonstration: Demonstration) -> Iterator[Ask]:
    """List searches that also have a caption written."""
    asked = {"collection": demonstration.name, "target": "text", "generate": "true", "k": 3}
    for captioner in _CAPTIONERS:
        for file in demonstration.uploads[:4]:
            yield _image(f"a caption written by {captioner} for {file}", form(file), **asked, captioner=captioner)
    file = demonstration.uploads[0]
    yield _image("a caption written for an id", {"json": {"id": demonstration.ids[file]}}, **asked)
    yield _image("a caption written, modifiers", form(file), **asked, modifier="+snow")


def refused_image_searches(demonstration: Demonstration) -> Iterator[Ask]:
    """List searches that are refused."""
    collection, known = demonstration.name, next(iter(demonstration.ids.values()))
    dimension = demonstration.dimensions[demonstration.default_model]
    by_id, file = {"json": {"id": known}}, demonstration.uploads[0]
    bodies: dict[str, dict[str, Any]] = {
        "no source": {},
        "an empty object": {"json": {}},
        "two sources": {"json": {"id": known, "embedding": _embedding(dimension, 0)}},
        "unknown source": {"json": {"colour": "red"}},
        "unknown id": {"json": {"id": NO_IMAGE}},
        "an id that is none": {"json": {"id": "../etc"}},
        "not Base64": {"json": {"image_b64": "%%%"}},
        "Base64 of no image": _base64(b"no image"),
        "an address": {"json": {"url": "http://192.0.2.1/a.jpg"}},
        "too short an embedding": {"json": {"embedding": [1.0]}},
        "an embedding of zeros": {"json": {"embedding": [0.0] * dimension}},
        "words as embedding": {"json": {"embedding": ["a"] * dimension}},
        "broken JSON": {"content": b'{"id": ', "headers": {"content-type": "application/json"}},
        "no image": _raw(b"no image"),
        "half an image": _raw(content_of(file)[:2000]),
        "an empty image": _raw(b""),
        "plain text": _raw(b"a dog", "text/plain"),
        "a form without a file": {"files": {"other": ("a.jpg", content_of(file), "image/jpeg")}},
        "a form with a field": form(file, {"k": "3"}),
    }
    for name, request in bodies.items():
        yield _image(f"refused: {name}", request, collection=collection)
    parameters: dict[str, dict[str, Any]] = {
        "unknown collection": {"collection": NO_COLLECTION},
        "unknown model": {"model": "no-such-model"},
        "re-ranked": {"rerank": "late-interaction"},
        "unknown target": {"target": "video"},
        "unknown parameter": {"colour": "red"},
        "k=0": {"k": 0},
        "k=101": {"k": 101},
        "offset=1001": {"offset": 1001},
        "too many modifiers": {"modifier": ["+snow"] * 9},
        "an empty modifier": {"modifier": "-"},
        "generate with images": {"generate": "true"},
        "unknown captioner": {"generate": "true", "target": "text", "captioner": "no-such-captioner"},
    }
    for name, parameter in parameters.items():
        yield _image(f"refused: {name}", by_id, **{"collection": collection, **parameter})
    embedding = {"json": {"embedding": _embedding(dimension, 0)}}
    yield _image("refused: generate for an embedding", embedding, collection=collection, generate="true", target="text")


def _image(name: str, request: Mapping[str, Any], **parameters: Any) -> Ask:
    return Ask("POST /search/image", name, "/search/image", {"params": parameters, **request})


def _raw(content: bytes, kind: str = "image/jpeg") -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": kind}}


def _base64(content: bytes) -> dict[str, Any]:
    return {"json": {"image_b64": base64.b64encode(content).decode()}}


def _embedding(dimension: int, seed: int) -> list[float]:
    vector = np.random.default_rng(seed).standard_normal(dimension)
    return [round(value, 6) for value in (vector / np.linalg.norm(vector)).tolist()]
