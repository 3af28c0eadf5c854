"""Gives each request an id, a log line and its metrics, and answers unexpected errors."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPMethod
from time import perf_counter

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.types import Side
from service.errors import response_of
from service.security.prefix import path_below_prefix

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_METHODS = frozenset(HTTPMethod)


class Metrics:
    """The service's Prometheus metrics, in a registry of their own.

    No label has a value that a caller can choose: the number of time series stays bounded.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "semblance_requests", "Answered requests", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "semblance_request_seconds", "Time to answer", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self.running = Gauge("semblance_requests_running", "Requests being answered", registry=self.registry)
        self.refused = Counter(
            "semblance_refused", "Requests refused because too many wait", ("queue",), registry=self.registry
        )
        self.batches = Histogram(
            "semblance_encode_batch", "Inputs of one encoder call", ("side",), buckets=_BATCHES, registry=self.registry
        )

        self.answers = Counter(
            "semblance_answers", "Answered searches by what was found", ("found",), registry=self.registry
        )

    def count_answer(self, found: str) -> None:
        """Count a search: ``match``, ``no match`` where nothing seems to, or ``unknown`` without a calibration."""
        self.answers.labels(found).inc()

    def show_collections(self, read: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        """Tell the size of each collection, as it is when the metrics are read.

        Args:
            read: returns numbers of things, such as images, by collection.
        """
        self.registry.register(_Collections(read))

    def count_refusal(self, queue: str) -> None:
        """Count a request that was refused because too many wait."""
        self.refused.labels(queue).inc()

    def count_batch(self, side: Side, size: int) -> None:
        """Record the batch size of one encoder call."""
        self.batches.labels(side).observe(size)


class _Collections(Collector):
    def __init__(self, read: Callable[[], Mapping[str, Mapping[str, int]]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        sizes = GaugeMetricFamily("semblance_collection_size", "Size of a collection", labels=("collection", "of"))
        for name, counts in self._read().items():
            for things, count in counts.items():
                sizes.add_metric((name, things), count)
        yield sizes

    def describe(self) -> list[Metric]:
        """Return nothing: what there will be is not known beforehand."""
        return []


class Observe:
    """The outermost ASGI middleware: request id, log line, metrics, unexpected errors."""

    def __init__(self, app: ASGIApp, metrics: Metrics, retry_after_s: int) -> None:
        self._app = app
        self._metrics = metrics
        self._retry_after_s = retry_after_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; if that fails before the answer has begun, answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status, unrouted = 0, _unrouted(scope)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        self._metrics.running.inc()
        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            response = response_of(error, request_id, self._retry_after_s)
            if status:  # the answer has begun, and can only be broken off
                raise
            await response(scope, receive, send_with_id)
        finally:
            self._metrics.running.dec()
            route = getattr(scope.get("route"), "path", unrouted)
            self._record(scope, route, status, perf_counter() - started, request_id)

    def _record(self, scope: Scope, route: str, status: int, seconds: float, request_id: str) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        told = {"key": scope["state"]["key"]} if "key" in scope["state"] else {}
        log.info(
            "request",
            request_id=request_id,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1e3, 2),
            **told,
        )


def _unrouted(scope: Scope) -> str:
    """Return what a request without a route is counted as: one for a file of the page, or for what there is not."""
    path = path_below_prefix(scope)
    if path.startswith("/static/"):
        return "/static"
    return path if path == "/openapi.json" else "unknown"


def _request_id(scope: Scope) -> str:
    """Return the caller's own id if it is short and plain enough for a log, or else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
