"""Images, collections, pages, and what else there is to get."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.routes.ask import NO_COLLECTION, NO_IMAGE, Ask, Demonstration
from benchmarks.routes.interface import interface_of
from benchmarks.routes.recording import Answers, metric_families

INTERFACE, AS_IT_IS = "GET /openapi.json", "as it is"

_FILE = "GET /images/{image_id}/file"
_PARTS = {"GET /images/{image_id}": "", "GET /images/{image_id}/thumbnail": "/thumbnail", _FILE: "/file"}
_RANGES = {"a part": "bytes=10-99", "its end": "bytes=-50", "refused: beyond its end": "bytes=99999999-"}
_PAGES = (
    "/", "/docs", "/static/main.js", "/static/page.css", "/static/no-such-file.js", "/no-such-page",
    "/livez", "/readyz",
)  # fmt: skip


def images(demonstration: Demonstration) -> Iterator[Ask]:
    """List the images in every order, entry, thumbnail and file of each, and those that there are not."""
    named, elsewhere = ({"params": {"collection": name}} for name in (demonstration.name, NO_COLLECTION))
    known = next(iter(demonstration.ids.values()))
    for sort in ("taken", "added", "name"):
        yield Ask("GET /images", f"by {sort}", "/images", {"params": {"sort": sort, "k": 100, **named["params"]}})
    yield Ask("GET /images", "refused: the sort", "/images", {"params": {"sort": "size", **named["params"]}})
    yield Ask("GET /images", "refused: unknown collection", "/images", elsewhere)
    for route, part in _PARTS.items():
        for file, image_id in demonstration.ids.items():
            yield Ask(route, file, f"/images/{image_id}{part}", named)
        yield Ask(route, "no collection is named", f"/images/{known}{part}", {})
        yield Ask(route, "refused: unknown image", f"/images/{NO_IMAGE}{part}", named)
        yield Ask(route, "refused: an id that is none", f"/images/alpaca{part}", named)
        yield Ask(route, "refused: unknown collection", f"/images/{known}{part}", elsewhere)
    for name, span in _RANGES.items():
        yield Ask(_FILE, name, f"/images/{known}/file", {**named, "headers": {"Range": span}})


def pages() -> Iterator[Ask]:
    """List pages, health, and what the interface says of itself."""
    for path in _PAGES:
        yield Ask(f"GET {path}", AS_IT_IS, path, {})
    yield Ask(INTERFACE, AS_IT_IS, "/openapi.json", {}, lambda response: interface_of(response.json()))
    yield Ask("GET /metrics", AS_IT_IS, "/metrics", {}, metric_families)


def not_asked(answers: Answers) -> list[str]:
    """Return the routes that the service's interface has and nobody asked."""
    return sorted({*answers[INTERFACE][AS_IT_IS]["body"]} - {*answers})


def collections(demonstration: Demonstration) -> Iterator[Ask]:
    """List what is served, and take the newest generation into service."""
    yield Ask("GET /collections", "all", "/collections", {})
    for name, collection in {"the demonstration": demonstration.name, "refused: unknown": NO_COLLECTION}.items():
        yield Ask("GET /collections/{name}", name, f"/collections/{collection}", {})
        yield Ask("POST /collections/{name}/reload", name, f"/collections/{collection}/reload", {})
    yield Ask("GET /collections/{name}", "refused: no name", "/collections/%2e%2e", {})
    yield Ask("GET /collections/{name}/reload", "refused: the method", f"/collections/{demonstration.name}/reload", {})
