"""Searches by words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.routes.ask import MODIFIERS, NO_COLLECTION, Ask, Demonstration

_SENTENCES = {
    "one word": "dog",
    "not ASCII": "naïve café ☕ in 東京",
    "signs alone": "!!!",
    "longer than the encoder reads": "a small brown dog runs across the wet sand of a beach " * 12,
    "spaces around": "  a  giraffe ",
}


def text_searches(demonstration: Demonstration) -> Iterator[Ask]:
    """List searches that have an answer."""

    def ask(name: str, query: str, **fields: Any) -> Ask:
        return _text(name, {"json": {"query": query, "collection": demonstration.name, **fields}})

    first = demonstration.sentences[0]
    for sentence in demonstration.sentences:
        yield ask(f"{sentence!r}", sentence)
        yield ask(f"{sentence!r}, captions", sentence, target="text", k=5)
    for file, caption in demonstration.captions.items():
        yield ask(f"the caption of {file}", caption, k=5)
    for name, sentence in _SENTENCES.items():
        yield ask(name, sentence)
    for k, offset in ((1, 0), (100, 0), (10, 10), (7, 100), (100, 50), (10, 1000)):
        yield ask(f"k={k}, offset={offset}", first, k=k, offset=offset)
        yield ask(f"captions, k={k}, offset={offset}", first, k=k, offset=offset, target="text")
    for modifiers in MODIFIERS:
        yield ask(f"modifiers {modifiers}", first, modifiers=modifiers)
        yield ask(f"captions, modifiers {modifiers}", first, modifiers=modifiers, target="text")
    yield ask("no collection is named", first, collection=None)
    yield ask("re-ranked by none", first, rerank="none")
    for model in demonstration.dimensions:
        for sentence in demonstration.sentences:
            yield ask(f"{sentence!r}, model {model}", sentence, model=model, k=5)
        yield ask(f"captions, model {model}", first, model=model, target="text")
    for matcher, model in demonstration.matchers.items():
        for sentence in demonstration.sentences:
            yield ask(f"{sentence!r}, re-ranked by {matcher}", sentence, rerank=matcher, model=model)
        for k, offset in ((100, 0), (10, 45), (10, 60)):
            yield ask(
                f"re-ranked by {matcher}, k={k}, offset={offset}",
                first,
                rerank=matcher,
                model=model,
                k=k,
                offset=offset,
            )
        yield ask(
            f"re-ranked by {matcher}, modifiers", first, rerank=matcher, model=model, modifiers=["+snow", "-grass"]
        )


def refused_text_searches(demonstration: Demonstration) -> Iterator[Ask]:
    """List searches that are refused."""
    refused: dict[str, dict[str, Any]] = {
        "empty query": {"query": ""},
        "blank query": {"query": "  "},
        "too long a query": {"query": "a" * 1001},
        "no query": {},
        "a number as query": {"query": 3},
        "unknown collection": {"query": "a dog", "collection": NO_COLLECTION},
        "a collection's name that cannot be": {"query": "a dog", "collection": "../etc"},
        "unknown model": {"query": "a dog", "model": "no-such-model"},
        "unknown matcher": {"query": "a dog", "rerank": "no-such-matcher"},
        "captions re-ranked": {"query": "a dog", "target": "text", "rerank": "late-interaction"},
        "unknown target": {"query": "a dog", "target": "video"},
        "unknown field": {"query": "a dog", "colour": "red"},
        "k=0": {"query": "a dog", "k": 0},
        "k=101": {"query": "a dog", "k": 101},
        "k is a word": {"query": "a dog", "k": "ten"},
        "offset=-1": {"query": "a dog", "offset": -1},
        "offset=1001": {"query": "a dog", "offset": 1001},
        "too many modifiers": {"query": "a dog", "modifiers": ["+snow"] * 9},
        "an empty modifier": {"query": "a dog", "modifiers": ["+"]},
    }
    for name, body in refused.items():
        yield _text(f"refused: {name}", {"json": {"collection": demonstration.name, **body}})
    json_kind = {"content-type": "application/json"}
    yield _text("refused: broken JSON", {"content": b'{"query": ', "headers": json_kind})
    yield _text("refused: a list", {"json": ["a dog"]})
    yield _text("refused: plain text", {"content": b"a dog", "headers": {"content-type": "text/plain"}})
    yield _text("refused: no body", {})
    yield Ask("GET /search/text", "refused: the method", "/search/text", {})


def _text(name: str, request: Mapping[str, Any]) -> Ask:
    return Ask("POST /search/text", name, "/search/text", request)
