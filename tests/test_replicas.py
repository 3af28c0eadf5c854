"""Several services behind a proxy answer as one: the short form of ``benchmarks/replicas.py``."""

from typing import Any

import pytest

from benchmarks import nginx, replicas

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not nginx.is_installed(), reason=f"replicas are not tested: this {nginx.INSTALL}"),
]


def assert_as_one(figures: list[replicas.Figure]) -> None:
    found = {figure.name: figure.value for figure in figures}
    assert (found["failed searches"], found["answers that mix generations"]) == (0, 0)
    assert found["services restarted"] == 2
    assert found["generations that answered"] >= 2


def test_no_search_fails_or_is_mixed_while_generations_come_and_services_are_restarted() -> None:
    assert_as_one(replicas.measure(publishes=12, clients=3))


def test_the_same_with_catalogs_and_vectors_in_servers(postgres: Any, milvus: Any) -> None:
    engines = {"SEMBLANCE_CATALOG_URL": postgres.url, "SEMBLANCE_VECTORS_URL": milvus.url}
    assert_as_one(replicas.measure(publishes=6, environment=engines, clients=3))
