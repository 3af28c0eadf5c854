"""Short forms of the proofs with hostile requests that ``make test-hostile`` runs at length."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from benchmarks import hostile_requests
from benchmarks.figures import Figure
from benchmarks.hostile_addresses import addresses

Start = Callable[..., httpx.Client]


@pytest.fixture
def port(http: Start) -> int:
    """A service that fetches addresses."""
    return http(allow_url_fetch=True, fetch_timeout_s=2).base_url.port or 80


def assert_met(figures: list[Figure]) -> None:
    assert [(figure.name, figure.value) for figure in figures if figure.met != "yes"] == []


def test_no_form_of_an_address_leads_inside(port: int) -> None:
    assert len(set(addresses(1))) >= 100
    assert_met(hostile_requests.ask_addresses(port))


def test_odd_ids_and_paths_are_answered_and_show_nothing(port: int) -> None:
    assert_met(hostile_requests.ask_paths(port, 400))


def test_every_operation_answers_as_it_is_described(port: int) -> None:
    assert_met(hostile_requests.ask_by_schema(port, 5))


def test_what_failed_would_be_counted(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_requests, "paths", lambda _count: iter([b"/livez"]))
    monkeypatch.setattr(hostile_requests, "_get", lambda _port, _path: (500, b"root:x:0:0:"))
    assert [figure.value for figure in hostile_requests.ask_paths(port, 1)] == [1, 1]
