"""Asks a running service and keeps what it answers.

An answer is kept as JSON: its status, its headers (of those that change from request to request only that they are
there), and its body. Painted pictures are kept as mean colours, all other files as their SHA-256.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.routes.ask import Ask

Answers = dict[str, dict[str, Any]]
"""By route and, within it, by the name of what was asked."""

_VARYING_HEADERS = ("date", "content-length", "etag", "last-modified", "x-request-id")
_JSON = ("application/json", "application/problem+json")
_GRID = 8


def record(client: httpx.Client, asks: Iterable[Ask]) -> Answers:
    """Ask everything in turn.

    Raises:
        httpx.TransportError: the service does not answer.
        ValueError: two requests of a route have one name.
    """
    answers: Answers = {}
    for ask in asks:
        of_route = answers.setdefault(ask.route, {})
        if ask.name in of_route:
            raise ValueError(f"{ask.route} is asked twice for {ask.name!r}")
        of_route[ask.name] = _answer(client, ask)
    return answers


def _answer(client: httpx.Client, ask: Ask) -> dict[str, Any]:
    """Ask, and where the answer has an entity tag, ask again as one who knows it."""
    method = ask.route.split()[0]
    response = client.request(method, ask.path, **ask.request)
    headers = {name: "present" if name in _VARYING_HEADERS else value for name, value in response.headers.items()}
    answer = {"status": response.status_code, "headers": headers, "body": _body(response, ask)}
    if method == "GET" and (tag := response.headers.get("etag")):
        known = {**ask.request, "headers": {**ask.request.get("headers", {}), "If-None-Match": tag}}
        answer["status_where_known"] = client.request(method, ask.path, **known).status_code
    return answer


def _body(response: httpx.Response, ask: Ask) -> Any:
    kind = response.headers.get("content-type", "")
    if ask.read is not None and response.status_code == httpx.codes.OK:
        return ask.read(response)
    if kind.split(";")[0] in _JSON:
        return response.json()
    return {"sha256": hashlib.sha256(response.content).hexdigest()}


def mean_colours(response: httpx.Response) -> dict[str, Any]:
    """Return a picture's size, and the mean colours, 0 to 1, of a grid over it.

    The last digit of a score may change single pixels by a step; it must not change these by more than itself.
    """
    with Image.open(io.BytesIO(response.content)) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.float64) / 255
    rows = [np.array_split(band, _GRID, axis=1) for band in np.array_split(pixels, _GRID)]
    colours = [[cell.mean(axis=(0, 1)).tolist() for cell in row] for row in rows]
    return {"height": pixels.shape[0], "width": pixels.shape[1], "colours": colours}


def metric_families(response: httpx.Response) -> list[str]:
    """Return the names and types of the metrics; their values are of no answer."""
    return sorted(line for line in response.text.splitlines() if line.startswith("# TYPE"))
