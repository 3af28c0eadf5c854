"""Keys with roles, bound to collections, and limited in time; by name, and never by secret, in the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from colour_collection import assert_problem, index, save_colours
from starlette.testclient import TestClient

from service.security.access import Access, is_bare, parse_keys
from service.security.rate import TokenBucket, TooManyRequestsError
from service.settings import SettingsError, load_settings

Start = Callable[..., TestClient]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


class TestForm:
    """``name:role@collection+collection:secret``."""

    def test_each_part_is_read(self) -> None:
        keys = parse_keys(["web:read:s:1", "ops:admin:s2", "shop:read@colours+two_2:s3", "bare"])
        assert [key.access for key in keys] == [
            Access("web", "read"),
            Access("ops", "admin"),
            Access("shop", "read", frozenset({"colours", "two_2"})),
            Access("key-4", "admin"),
        ]
        assert [is_bare(text) for text in ("a:read:b", "bare")] == [False, True]
        assert "s:1" not in repr(keys)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("web:write:hidden", "key 1 has another form"),
            ("web:hidden", "key 1 has another form"),
            (":read:hidden", "key 1 has another form"),
            ("web:read:", "key 1 has another form"),
            ("we b:read:hidden", "key 1 has another form"),
            ("web:read@:hidden", "names no collections"),
            ("web:read@a+:hidden", "names no collections"),
            ("web:read:hidden,web:admin:hidden2", "same name"),
            ("web:read:hidden,ops:admin:hidden", "same secret"),
        ],
    )
    def test_another_form_is_told_without_the_secret(
        self, monkeypatch: pytest.MonkeyPatch, text: str, told: str
    ) -> None:
        monkeypatch.setenv("SEMBLANCE_API_KEYS", text)
        with pytest.raises(SettingsError, match=told) as raised:
            load_settings()
        assert "SEMBLANCE_API_KEYS" in str(raised.value)
        assert "hidden" not in str(raised.value)


class TestRoles:
    """``read`` asks, ``admin`` changes."""

    def test_only_an_admin_reloads(self, start: Start) -> None:
        client = start(api_keys=("web:read:r", "ops:admin:a"))
        assert client.post("/search/text", json={"query": "red"}, headers=bearer("r")).status_code == 200
        refused = client.post("/collections/colours/reload", headers=bearer("r"))
        assert_problem(refused, 403, "admin")
        assert client.post("/collections/colours/reload", headers={"X-API-Key": "a"}).status_code == 200
        assert_problem(client.get("/collections", headers=bearer("web:read:r")), 401)

    def test_a_bare_secret_may_do_both_and_the_log_says_so(self, start: Start) -> None:
        with structlog.testing.capture_logs() as lines:
            client = start(api_keys=("bare",))
        assert any("name:role:secret" in line["event"] for line in lines)
        assert client.post("/collections/colours/reload", headers=bearer("bare")).status_code == 200

    def test_whatever_is_not_said_to_read_needs_an_admin(self, start: Start) -> None:
        """A route that is added later does, too, unless it is listed here."""
        client = start(api_keys=("web:read:r",))
        reads = {"/search/text", "/search/image", "/search/batch", "/embed", "/explain"}
        description = client.get("/openapi.json").json()
        for path, methods in description["paths"].items():
            for method, operation in methods.items():
                if method != "get" and path not in reads:
                    answer = client.request(method, path.replace("{name}", "colours"), headers=bearer("r"))
                    assert_problem(answer, 403)
                    assert "403" in operation["responses"]

    def test_the_log_names_the_key(self, start: Start) -> None:
        client = start(api_keys=("web:read:hidden",))
        with structlog.testing.capture_logs() as lines:
            client.get("/collections", headers=bearer("hidden"))
            client.get("/collections", headers=bearer("wrong"))
        assert [line.get("key") for line in lines] == ["web", None]
        assert "hidden" not in str(lines)


class TestCollections:
    """A key that is bound to collections knows of no others."""

    @pytest.fixture
    def client(self, start: Start, data_dir: Path, tmp_path: Path) -> TestClient:
        save_colours(tmp_path / "other", ["red", "blue"])
        index(data_dir, "other", tmp_path / "other")
        return start(data_dir=data_dir, api_keys=("shop:admin@other:bound", "ops:admin:all"))

    def test_the_only_one_it_sees_answers_by_default(self, client: TestClient) -> None:
        found = client.post("/search/text", json={"query": "red"}, headers=bearer("bound"))
        assert found.json()["collection"]["name"] == "other"
        assert_problem(client.post("/search/text", json={"query": "red"}, headers=bearer("all")), 422, "colours, other")
        listed = client.get("/collections", headers=bearer("bound")).json()
        assert ([one["name"] for one in listed["collections"]], listed["default"]) == (["other"], "other")
        assert len(client.get("/collections", headers=bearer("all")).json()["collections"]) == 2
        assert 'collection="colours"' not in client.get("/metrics", headers=bearer("bound")).text
        assert 'collection="colours"' in client.get("/metrics", headers=bearer("all")).text

    def test_every_operation_says_that_there_is_no_other(self, client: TestClient) -> None:
        image = client.get("/openapi.json").json()
        seen = client.post("/search/text", json={"query": "red", "collection": "colours"}, headers=bearer("all")).json()
        image_id = seen["results"][0]["image_id"]
        bodies: dict[str, Any] = {
            "/search/text": {"json": {"query": "red", "collection": "colours"}},
            "/search/image": {"json": {"id": image_id}},
            "/search/batch": {"json": {"searches": [{"query": "red", "collection": "colours"}]}},
            "/embed": {"json": {"texts": ["red"]}},
            "/explain": {"json": {"id": image_id}},
        }
        asked = 0
        for path, methods in image["paths"].items():
            for method, operation in methods.items():
                named = {parameter["name"] for parameter in operation.get("parameters", [])}
                if not named & {"collection", "name"} and path not in bodies:
                    continue
                address = path.replace("{name}", "colours").replace("{image_id}", image_id)
                parameters = {"collection": "colours"} if "collection" in named else {}
                if path == "/explain":
                    parameters |= {"image_id": image_id} | ({"query": "red"} if method == "get" else {})
                answer = client.request(
                    method, address, params=parameters, headers=bearer("bound"), **bodies.get(path, {})
                )
                if path == "/search/batch":
                    assert answer.json()["answers"][0]["status"] == 404
                else:
                    problem = assert_problem(answer, 404)
                    assert problem["detail"] == "no collection named 'colours'; there are: other"
                asked += 1
        assert asked >= 10


class TestRate:
    """So many requests a minute."""

    def test_each_key_has_its_own_number(self, start: Start) -> None:
        client = start(api_keys=("a:read:a", "b:read:b"), key_requests_per_minute=3)
        assert [client.get("/collections", headers=bearer("a")).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = client.get("/collections", headers=bearer("a"))
        assert_problem(refused, 429, "3 requests a minute")
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert client.get("/collections", headers=bearer("b")).status_code == 200
        assert_problem(client.get("/collections", headers=bearer("wrong")), 401)
        assert client.get("/livez", headers=bearer("a")).status_code == 200

    def test_a_bucket_fills_all_the_while_but_never_over(self) -> None:
        now = 0.0
        bucket = TokenBucket(6, clock=lambda: now)
        for _ in range(6):
            bucket.take()
        now = 4.0
        with pytest.raises(TooManyRequestsError) as raised:
            bucket.take()
        assert raised.value.retry_after_s == 6
        now = 10.0
        bucket.take()
        with pytest.raises(TooManyRequestsError):
            bucket.take()
        now = 10_000.0
        for _ in range(6):
            bucket.take()
        with pytest.raises(TooManyRequestsError):
            bucket.take()


class TestDescription:
    """OpenAPI."""

    def test_it_tells_which_operations_need_a_key(self, start: Start) -> None:
        schema = start(api_keys=("web:read:r",)).get("/openapi.json").json()
        assert schema["security"] == [{"bearer": []}, {"header": []}]
        assert schema["paths"]["/livez"]["get"]["security"] == []
        assert "security" not in schema["paths"]["/collections"]["get"]
        assert {"401", "429"} <= schema["paths"]["/collections"]["get"]["responses"].keys()

    def test_without_keys_none_does(self, client: TestClient) -> None:
        assert client.get("/openapi.json").json()["security"][0] == {}
