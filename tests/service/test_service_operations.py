"""Health, metrics, logs, keys, headers, the pages, and the description of the interface."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from colour_collection import assert_problem, png
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient
from toy_encoder import ToyEncoder

KEYS = (SecretStr("first"), SecretStr("second"))


class TestHealth:
    """``/livez``, ``/readyz`` and ``/metrics``."""

    def test_a_started_service_is_alive_and_ready(self, client: TestClient) -> None:
        assert client.get("/livez").json() == {"status": "alive"}
        assert client.get("/readyz").json() == {"status": "ready"}

    def test_metrics_count_by_route_and_never_by_what_a_caller_invents(self, client: TestClient) -> None:
        client.post("/search/text", json={"query": "red"})
        client.get(f"/images/{'0' * 32}")
        client.get("/no/such/address")
        client.request("BREW", "/livez")
        text = client.get("/metrics").text
        assert 'semblance_requests_total{method="POST",route="/search/text",status="200"} 1.0' in text
        assert 'semblance_requests_total{method="GET",route="/images/{image_id}",status="404"} 1.0' in text
        assert 'semblance_requests_total{method="GET",route="unknown",status="404"} 1.0' in text
        assert 'method="OTHER"' in text
        assert "BREW" not in text
        assert "/no/such" not in text
        assert 'semblance_encode_batch_count{side="text"} 1.0' in text


class TestLogs:
    """One line a request."""

    def test_a_request_is_one_line_with_its_id(self, client: TestClient) -> None:
        with structlog.testing.capture_logs() as lines:
            answer = client.post("/search/text", json={"query": "red"}, headers={"X-Request-ID": "mine-1"})
        assert answer.headers["x-request-id"] == "mine-1"
        (line,) = lines
        assert (line["request_id"], line["route"], line["status"]) == ("mine-1", "/search/text", 200)
        assert "red" not in str(line)  # what people look for is not logged

    def test_an_id_that_could_forge_log_lines_is_replaced(self, client: TestClient) -> None:
        for forged in ("x" * 65, "a b", "a;b"):
            answer = client.get("/livez", headers={"X-Request-ID": forged})
            assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])

    def test_an_unexpected_error_is_told_in_the_log_only(self, start: Callable[..., TestClient]) -> None:
        class Broken(ToyEncoder):
            def encode_texts(self, texts: Any) -> Any:
                if "red" in texts:
                    raise RuntimeError("secret of /tmp/secret.py")
                return super().encode_texts(texts)

        client = start(load_encoder=Broken)
        with structlog.testing.capture_logs() as lines:
            problem = assert_problem(client.post("/search/text", json={"query": "red"}), 500)
        assert "secret" not in str(problem)
        assert "secret" in lines[0]["error"]
        assert lines[0]["request_id"] == problem["request_id"]
        assert client.post("/search/text", json={"query": "blue"}).status_code == 200


class TestKeys:
    """API keys."""

    def test_without_keys_everything_is_open(self, client: TestClient) -> None:
        assert client.get("/collections").status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": "Bearer first"},
            {"Authorization": "bearer second"},
            {"X-API-Key": "second"},
        ],
    )
    def test_each_key_opens_in_both_headers(self, start: Callable[..., TestClient], headers: dict[str, str]) -> None:
        assert start(api_keys=KEYS).get("/collections", headers=headers).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic first"},
            {"Authorization": "Bearer "},
            {"X-API-Key": "first,second"},
            {"X-API-Key": "ﬁrst".encode()},
        ],
    )
    def test_without_a_right_key_everything_but_page_and_health_is_closed(
        self, start: Callable[..., TestClient], headers: dict[str, str]
    ) -> None:
        client = start(api_keys=KEYS)
        closed = [
            "/collections",
            "/collections/colours",
            "/images/x/file",
            "/metrics",
            "/explain?image_id=x",
            "/nothing",
        ]
        for address in closed:
            answer = client.get(address, headers=headers)
            assert_problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert_problem(client.post("/search/image", content=png(), headers=headers), 401)
        for address in ("/", "/livez", "/readyz", "/docs", "/openapi.json", "/static/main.js"):
            assert client.get(address, headers=headers).status_code == 200

    def test_a_way_around_the_open_folder_is_closed(self, start: Callable[..., TestClient]) -> None:
        client = start(api_keys=KEYS)
        for address in ("/static/../collections", "/static/%2e%2e/collections", "/livez/"):
            assert client.get(address).status_code in (401, 404)

    @pytest.mark.parametrize(("host", "loud"), [("0.0.0.0", True), ("::", True), ("photos", True), ("127.0.0.2", False), ("localhost", False), ("::1", False)])  # fmt: skip  # noqa: E501
    def test_listening_beyond_this_machine_without_keys_is_warned_of(
        self, build_app: Callable[..., FastAPI], host: str, loud: bool
    ) -> None:
        with structlog.testing.capture_logs() as lines, TestClient(build_app(host=host)):
            pass
        assert any("ANYBODY" in line["event"] for line in lines) == loud
        with structlog.testing.capture_logs() as lines, TestClient(build_app(host=host, api_keys=KEYS)):
            pass
        assert not any("ANYBODY" in line["event"] for line in lines)


class TestPages:
    """``/``, ``/docs`` and their files."""

    def test_pages_and_their_files_come_from_here_and_hold_no_inline_script(self, client: TestClient) -> None:
        for page in ("/", "/docs"):
            answer = client.get(page)
            assert answer.headers["content-type"].startswith("text/html")
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?:", answer.text)
            for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text):
                file = client.get(address)
                assert file.status_code == 200
                assert file.headers["cache-control"] == "no-cache"

    def test_a_file_that_is_not_there_is_a_problem(self, client: TestClient) -> None:
        assert_problem(client.get("/static/nothing.js"), 404)
        assert_problem(client.get("/static/..%2fapp.py"), 404)
        assert_problem(client.post("/static/main.js"), 405)


class TestInterface:
    """The error form and OpenAPI."""

    def test_unknown_addresses_and_methods_are_problems(self, client: TestClient) -> None:
        assert_problem(client.get("/nothing"), 404)
        answer = client.get("/search/text")
        assert_problem(answer, 405)
        assert answer.headers["allow"] == "OPTIONS, POST"

    def test_every_answer_carries_the_security_headers(self, client: TestClient) -> None:
        for address in ("/", "/livez", "/nothing", "/metrics"):
            headers = client.get(address).headers
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert headers["x-content-type-options"] == "nosniff"

    def test_every_route_declares_its_statuses_with_the_one_error_form(self, client: TestClient) -> None:
        description = client.get("/openapi.json").json()
        operations = {
            (method, path): operation
            for path, methods in description["paths"].items()
            for method, operation in methods.items()
        }
        assert len(operations) == 16
        for (_method, path), operation in operations.items():
            declared = {int(status) for status in operation["responses"]}
            assert 200 in declared
            assert path in {"/livez", "/readyz"} or 401 in declared
            assert "requestBody" not in operation or {413, 422} <= declared
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    schema = response["content"]["application/problem+json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Problem"}
        assert "HTTPValidationError" not in description["components"]["schemas"]

    def test_a_form_that_is_explained_must_have_its_file_alone(self, client: TestClient) -> None:
        """Each of its fields may stand in the address instead."""
        asked = client.get("/openapi.json").json()["paths"]["/explain"]["post"]["requestBody"]
        assert asked["content"]["multipart/form-data"]["schema"]["required"] == ["file"]

    def test_every_reference_of_the_description_resolves(self, client: TestClient) -> None:
        answer = client.get("/openapi.json")
        schemas = answer.json()["components"]["schemas"]
        references = re.findall(r'"\$ref":\s*"([^"]+)"', answer.text)
        assert references
        assert {reference.removeprefix("#/components/schemas/") for reference in references} <= set(schemas)
