"""What programs of others rely on: methods, prefixes, origins, forms as curl sends them, names in the description."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from colour_collection import assert_problem, names, png, served
from fastapi import FastAPI
from starlette.testclient import TestClient
from toy_encoder import CALIBRATION, ToyEncoder

from service.search.notices import NO_CONFIDENCE
from service.server import behind_proxies
from service.settings import Settings

ADDRESSES = ("/", "/docs", "/openapi.json", "/static/main.js", "/livez", "/readyz", "/metrics", "/collections")


class TestMethods:
    """``HEAD``, ``OPTIONS``, 405 and trailing slashes."""

    @pytest.mark.parametrize("address", [*ADDRESSES, "/nothing"])
    def test_head_is_get_without_the_body(self, client: TestClient, address: str) -> None:
        got, head = client.get(address), client.head(address)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]

    def test_options_and_405_tell_the_methods(self, client: TestClient) -> None:
        for address, allowed in {
            "/search/text": "OPTIONS, POST",
            "/explain": "GET, HEAD, OPTIONS, POST",
            "/collections/colours": "GET, HEAD, OPTIONS",
            "/static/main.js": "GET, HEAD, OPTIONS",
            "/": "GET, HEAD, OPTIONS",
        }.items():
            answer = client.options(address)
            assert (answer.status_code, answer.headers["allow"]) == (204, allowed)
            refused = client.put(address)
            assert_problem(refused, 405)
            assert refused.headers["allow"] == allowed
        assert_problem(client.options("/nothing"), 404)

    def test_a_slash_too_many_is_redirected(self, client: TestClient) -> None:
        assert client.get("/collections/").json() == client.get("/collections").json()
        assert names(client.post("/search/text/", json={"query": "red", "k": 1}))[0].startswith("red")

    def test_metrics_tell_head_and_files_apart(self, client: TestClient) -> None:
        client.head("/livez")
        client.get("/static/main.js")
        text = client.get("/metrics").text
        assert 'semblance_requests_total{method="HEAD",route="/livez",status="200"} 1.0' in text
        assert 'semblance_requests_total{method="GET",route="/static",status="200"} 1.0' in text


class TestOrigins:
    """Pages of other origins."""

    def test_only_those_that_are_named_may_ask(self, start: Callable[..., TestClient]) -> None:
        client = start(cors_origins=("https://shop.example",), api_keys=("secret",))
        ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        allowed = client.options("/search/text", headers={"Origin": "https://shop.example", **ask})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        refused = client.options("/search/text", headers={"Origin": "https://other.example", **ask})
        assert "access-control-allow-origin" not in refused.headers
        answer = client.get("/livez", headers={"Origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"

    def test_without_the_setting_nobody_may(self, client: TestClient) -> None:
        answer = client.get("/livez", headers={"Origin": "https://shop.example"})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


class TestForms:
    """What people send with curl."""

    def test_options_may_stand_beside_the_file(self, client: TestClient) -> None:
        fields = [("k", (None, "2")), ("modifier", (None, "+green")), ("modifier", (None, "-red"))]
        form = client.post("/search/image", files=[("file", ("x.png", png("blue"))), *fields])
        address = client.post("/search/image?k=2&modifier=%2Bgreen&modifier=-red", files={"file": png("blue")})
        assert form.json()["query"]["modifiers"] == address.json()["query"]["modifiers"]
        assert names(form) == names(address)
        assert len(names(form)) == 2
        assert_problem(client.post("/search/image", files=[("file", png("blue")), ("kk", (None, "2"))]), 422)

    def test_a_part_without_a_file_name_is_a_file(self, client: TestClient) -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + png("blue") + b"\r\n--x--\r\n"
        answer = client.post("/search/image", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert names(answer)[0].startswith("blue")

    @pytest.mark.parametrize(
        "form",
        [
            lambda text: text,
            lambda text: f"data:image/png;base64,{text}",
            lambda text: "\n".join(re.findall(".{1,20}", text)),
            lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
        ],
    )
    def test_base64_comes_in_many_forms(self, client: TestClient, form: Callable[[str], str]) -> None:
        text = form(base64.b64encode(png("blue")).decode())
        assert names(client.post("/search/image", json={"image_b64": text}))[0].startswith("blue")

    def test_json_may_begin_with_a_byte_order_mark(self, client: TestClient) -> None:
        headers = {"Content-Type": "application/json"}
        for address, body in (("/search/text", '{"query": "red"}'), ("/search/image", '{"embedding": [1, 0, 0, 0]}')):
            answer = client.post(address, content=b"\xef\xbb\xbf" + body.encode(), headers=headers)
            assert answer.status_code == 200, answer.text

    def test_json_without_its_type_is_told_what_to_send(self, client: TestClient) -> None:
        answer = client.post("/search/text", content=b'{"query": "red"}')
        assert_problem(answer, 422)
        assert answer.json()["detail"] == "Send JSON with the header Content-Type: application/json."
        assert "Input should" in client.post("/search/text", json=[1]).text

    def test_signs_in_the_words_steer(self, client: TestClient) -> None:
        signed = client.post("/search/text", json={"query": "red +blue -green"}).json()
        beside = client.post("/search/text", json={"query": "red", "modifiers": ["+blue", "-green"]}).json()
        assert signed["query"] == beside["query"]
        assert signed["results"] == beside["results"]
        alone = client.post("/search/text", json={"modifiers": ["+blue"]}).json()
        assert (alone["query"]["text"], alone["results"][0]["metadata"]["name"][:4]) == (None, "blue")

    def test_an_explanation_reads_the_words_in_the_same_way(self, client: TestClient) -> None:
        found = client.post("/search/text", json={"query": "red +blue", "k": 1}).json()["results"][0]
        answer = client.get("/explain", params={"image_id": found["id"], "query": "red +blue"}).json()
        assert answer["contributions"] == found["contributions"]
        quoted = client.get("/explain", params={"image_id": found["id"], "query": '"red +blue"'}).json()
        assert [part["term"] for part in quoted["contributions"]] == ["red +blue"]
        assert httpx.URL(quoted["overlay_url"]).params["query"] == '"red +blue"'


class TestBatch:
    """``POST /search/batch``."""

    def test_each_search_gets_what_it_would_get_alone(self, client: TestClient) -> None:
        found = client.post("/search/text", json={"query": "red", "k": 1}).json()["results"][0]
        searches = [
            {"query": "red +blue", "k": 3},
            {"query": "green", "target": "text", "k": 2},
            {"id": found["image_id"], "k": 2, "modifiers": ["+blue"]},
            {"embedding": [1, 0, 0, 0], "k": 1},
            {"query": "red", "collection": "absent"},
        ]
        answers = client.post("/search/batch", json={"searches": searches}).json()["answers"]
        alone = [client.post("/search/text", json=asked).json() for asked in searches[:2]]
        alone.append(client.post("/search/image?k=2&modifier=%2Bblue", json={"id": found["image_id"]}).json())
        alone.append(client.post("/search/image?k=1", json={"embedding": [1, 0, 0, 0]}).json())
        for batched, single in zip(answers, alone, strict=False):
            assert batched["results"] == single["results"]
            assert batched["query"] == single["query"]
        assert (answers[4]["status"], answers[4]["title"]) == (404, "Not Found")

    def test_what_waits_is_encoded_together(self, client: TestClient) -> None:
        client.post("/search/batch", json={"searches": [{"query": f"red {number}", "k": 1} for number in range(64)]})
        text = client.get("/metrics").text
        batches = float(re.search(r'encode_batch_count\{side="text"\} (\S+)', text)[1])  # type: ignore[index]
        assert batches < 64

    @pytest.mark.parametrize("searches", [[], [{"query": "a"}] * 65, [{"query": "a", "kk": 1}]])
    def test_too_many_and_malformed_ones_are_refused(self, client: TestClient, searches: list[Any]) -> None:
        assert_problem(client.post("/search/batch", json={"searches": searches}), 422)

    def test_two_sources_are_an_error_of_that_search_alone(self, client: TestClient) -> None:
        both = {"query": "red", "embedding": [1, 0, 0, 0]}
        answers = client.post("/search/batch", json={"searches": [both, {"query": "red"}]}).json()["answers"]
        assert answers[0]["status"] == 422
        assert answers[1]["results"]


class TestEmbed:
    """``POST /embed``."""

    def test_sentences_and_images_become_unit_vectors_that_search(self, client: TestClient) -> None:
        words = client.post("/embed", json={"texts": ["red", "blue"]}).json()
        assert (words["model"], words["dimension"], len(words["vectors"])) == ("toy", 4, 2)
        np.testing.assert_allclose(np.linalg.norm(words["vectors"], axis=1), 1, atol=1e-5)
        by_vector = client.post("/search/image", json={"embedding": words["vectors"][0]})
        assert names(by_vector) == names(client.post("/search/text", json={"query": "red"}))
        form = client.post("/embed", files={"file": png("blue")}).json()
        body = client.post("/embed", content=png("blue"), headers={"Content-Type": "image/png"}).json()
        assert form == body
        np.testing.assert_allclose(form["vectors"][0], words["vectors"][1], atol=1e-5)

    def test_what_cannot_be_embedded_is_told(self, client: TestClient) -> None:
        assert_problem(client.post("/embed", json={"texts": []}), 422)
        assert_problem(client.post("/embed", json={"texts": [" "]}), 422)
        assert_problem(client.post("/embed", content=b"x"), 415)
        assert_problem(client.post("/embed", files={"file": b"x"}), 400)
        assert_problem(client.post("/embed?collection=absent", json={"texts": ["a"]}), 404)


def test_results_of_little_confidence_are_left_out(start: Callable[..., TestClient]) -> None:
    encoder = ToyEncoder(calibrations={"text-to-image": CALIBRATION})
    client = start(load_encoder=lambda _name: encoder)
    every = client.post("/search/text", json={"query": "red"}).json()
    least = every["results"][0]["confidence"]
    some = client.post("/search/text", json={"query": "red", "min_confidence": least}).json()
    assert some["results"] == [hit for hit in every["results"] if hit["confidence"] >= least]
    assert len(some["results"]) < len(every["results"])
    none = client.post("/search/text", json={"query": "red", "modifiers": ["+blue"], "min_confidence": 0.1}).json()
    assert none["results"] == []
    assert none["warnings"] == [NO_CONFIDENCE.text]
    assert_problem(client.post("/search/text", json={"query": "red", "min_confidence": 2}), 422)
    counted = client.get("/metrics").text
    assert 'semblance_answers_total{found="match"} 2.0' in counted
    assert 'semblance_answers_total{found="unknown"} 1.0' in counted


def test_metrics_tell_the_size_of_collections(client: TestClient) -> None:
    text = client.get("/metrics").text
    assert 'semblance_collection_size{collection="colours",of="images"} 7.0' in text
    assert 'semblance_collection_size{collection="colours",of="captions"} 7.0' in text


class TestDescription:
    """OpenAPI, as generators of clients read it."""

    def test_what_the_service_refuses_the_description_refuses(self, start: Callable[..., TestClient]) -> None:
        description = start(max_k=7, max_offset=40, max_modifiers=2, max_query_chars=30).get("/openapi.json").json()
        body = description["components"]["schemas"]["TextSearch"]["properties"]
        assert body["k"] == body["k"] | {"minimum": 1, "maximum": 7}
        assert (body["offset"]["maximum"], body["query"]["maxLength"], body["modifiers"]["maxItems"]) == (40, 30, 2)
        parameters = description["paths"]["/search/image"]["post"]["parameters"]
        limits = {parameter["name"]: parameter["schema"] for parameter in parameters}
        assert (limits["k"]["maximum"], limits["modifier"]["maxItems"]) == (7, 2)

    def test_binary_answers_are_declared(self, client: TestClient) -> None:
        paths = client.get("/openapi.json").json()["paths"]
        answer = paths["/images/{image_id}/thumbnail"]["get"]["responses"]["200"]["content"]["image/webp"]
        assert answer == {"schema": {"type": "string", "format": "binary"}}

    def test_operations_have_short_names_of_their_own(self, client: TestClient) -> None:
        paths = client.get("/openapi.json").json()["paths"]
        ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
        assert len(set(ids)) == len(ids)
        assert {"search_text", "search_image", "livez", "collections", "thumbnail"} <= set(ids)
        assert all(re.fullmatch("[a-z_]+", name) for name in ids)


@pytest.fixture
def proxied(build_app: Callable[..., FastAPI], tmp_path: Path) -> Iterator[httpx.Client]:
    """The service behind nginx, below ``/photographs``."""
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not installed")
    with served(build_app(), lambda app: behind_proxies(app, Settings())) as service:
        yield from _through(nginx, service, tmp_path)


def _through(nginx: str, service: str, tmp_path: Path) -> Iterator[httpx.Client]:
    port = _free_port()
    (tmp_path / "nginx.conf").write_text(
        f"""daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
events {{}}
http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
  fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
  server {{ listen 127.0.0.1:{port};
    location /photographs/ {{ proxy_pass {service}/; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Prefix /photographs; }} }} }}
"""
    )
    with subprocess.Popen(
        [nginx, "-c", tmp_path / "nginx.conf", "-p", tmp_path, "-e", tmp_path / "error.log"]
    ) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/photographs/", timeout=20) as client:
                _wait_for(client)
                yield client
        finally:
            process.terminate()


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _wait_for(client: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            client.get("livez")
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_everything_is_found_behind_a_proxy_below_a_path(proxied: httpx.Client) -> None:
    page = proxied.get("").text
    origin = proxied.base_url.copy_with(path="/")
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert addresses
    for address in addresses:
        assert proxied.get(proxied.base_url.join(address), follow_redirects=True).status_code == 200, address
    results: Any = proxied.post("search/text", json={"query": "red", "k": 1}).json()["results"]
    thumbnail = results[0]["thumbnail_url"]
    assert thumbnail.startswith("/photographs/images/")
    assert proxied.get(origin.join(thumbnail)).headers["content-type"] == "image/webp"
    assert proxied.get("collections/").status_code == 307
    assert proxied.get("docs").status_code == 200
    assert proxied.get("openapi.json").json()["servers"][0] == {"url": "/photographs"}


@pytest.mark.slow
def test_a_generated_client_asks_the_service(http: Callable[..., httpx.Client], tmp_path: Path) -> None:
    """By ``openapi-python-client``, in an environment of its own: it wants other versions than this one has."""
    service = http()
    (tmp_path / "openapi.json").write_text(service.get("/openapi.json").text)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "openapi-python-client==0.29.1"], capture_output=True, check=False
    )
    if installed.returncode:
        pytest.skip("the package index cannot be reached")
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    told = subprocess.run(
        [python.with_name("openapi-python-client"), "generate", "--path", "openapi.json", "--config", "config.yaml",
         "--output-path", "generated", "--meta", "none"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    complaints = re.findall(r"(?:WARNING|Unsupported).*", told.stdout)
    # it knows JSON and forms alone: that an image may be the whole body is over its head
    assert {line for line in complaints if "image/" not in line} <= {
        "WARNING parsing POST /search/image within search.",
        "WARNING parsing POST /embed within search.",
    }, told.stdout
    program = f"""
from generated import Client
from generated.api.search import search_text
from generated.api.operation import readyz
from generated.models import TextSearch
client = Client(base_url={str(service.base_url)!r})
assert readyz.sync(client=client).status == "ready"
answer = search_text.sync(client=client, body=TextSearch(query="red +blue", k=2))
print([result.metadata.name for result in answer.results], answer.query.modifiers[0].text)
"""
    done = subprocess.run([python, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "blue" in done.stdout
