"""What JSON may cost: bodies, lists and names have lengths, errors are short, and only an image may be long."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from colour_collection import assert_problem, names, png
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from models.errors import InputError
from service.api import json_body
from service.api.json_body import decode_base64

JSON = {"Content-Type": "application/json"}
KB = 2**10


def search(client: TestClient, content: object, path: str = "/search/image") -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(path, content=body, headers=JSON)


class TestAmplification:
    """A hostile body makes a small answer."""

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/search/image", {"embedding": ["a"] * 40_000}),
            ("/search/image", {"embedding": [0.5] * 40_000}),
            ("/search/image", {f"unknown {number}": 1 for number in range(10_000)}),
            ("/search/image", {"x" * 200_000: 1}),
            ("/search/text", {"modifiers": [1] * 80_000}),
            ("/search/text", {"modifiers": ["+a"] * 40_000}),
            ("/search/text", {"query": {"a": "b" * 200_000}}),
            ("/search/text", {"query": "red", "collection": "c" * 200_000}),
            ("/search/text", {"query": "red", "target": "t" * 200_000}),
            ("/search/text", {f"unknown {number}": 1 for number in range(10_000)}),
            ("/search/text", [[]] * 60_000),
            ("/search/batch", {"searches": [{"embedding": ["a"] * 1000}] * 40}),
            ("/search/batch", {"searches": [{"kk": number} for number in range(10_000)]}),
            ("/search/batch", {"searches": [{f"unknown {number}": 1 for number in range(60)}] * 60}),
            ("/embed", {"texts": [1] * 80_000}),
        ],
    )
    def test_an_error_is_short_whatever_was_sent(self, client: TestClient, path: str, body: object) -> None:
        answer = search(client, body, path)
        problem = assert_problem(answer, 422)
        assert len(answer.content) < 3000
        assert 1 <= len(problem["errors"]) <= 10
        assert all(len(error["field"]) <= 100 for error in problem["errors"])

    def test_parameters_of_an_address_and_of_a_form_are_bounded_as_well(self, client: TestClient) -> None:
        many = "&".join(f"unknown{number}=1" for number in range(3000))
        for answer in (
            client.get(f"/explain?image_id=x&{many}"),
            client.get(f"/explain?image_id={'x' * 5000}"),
            client.get(f"/collections/{'x' * 5000}"),
            client.post("/search/image", params={"modifier": ["+a"] * 3000}, content=b"", headers=JSON),
            client.post("/explain", files={"file": png()}, data={"image_id": "x", "modifier": ["+a"] * 60}),
        ):
            assert_problem(answer, 422)
            assert len(answer.content) < 3000

    def test_modifiers_with_a_wrong_sign_are_repeated_in_short(self, client: TestClient) -> None:
        answer = search(client, {"query": "red", "modifiers": ["+" + "-" * 900]}, "/search/text")
        assert_problem(answer, 422, "sign without a word")
        assert len(answer.json()["detail"]) < 200

    @pytest.mark.parametrize("field", ["rerank", "collection", "model", "cursor"])
    @pytest.mark.parametrize("value", [{}, [], 0, False, {"a": 1}])
    def test_a_name_of_another_type_is_refused(self, client: TestClient, field: str, value: object) -> None:
        assert_problem(search(client, {"query": "red", field: value}, "/search/text"), 422, field)

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
    def test_a_vector_holds_numbers_alone(self, client: TestClient, number: str) -> None:
        assert_problem(search(client, f'{{"embedding": [{number}, 0, 0, 0]}}'.encode()), 422)
        body = f'{{"searches": [{{"embedding": [{number}, 0, 0, 0]}}]}}'.encode()
        assert_problem(search(client, body, "/search/batch"), 422)


class TestSizes:
    """JSON is short, but for the image in it."""

    @pytest.mark.parametrize("path", ["/search/text", "/search/batch", "/embed"])
    def test_json_that_takes_no_image_has_its_own_limit(self, client: TestClient, path: str) -> None:
        assert_problem(search(client, b" " * (256 * KB + 1), path), 413, "262,144", "SEMBLANCE_MAX_JSON_BYTES")
        assert_problem(search(client, b" " * 256 * KB, path), 422)

    def test_what_stands_beside_an_image_has_that_limit_too(self, start: Callable[..., TestClient]) -> None:
        client = start(max_json_bytes=KB, max_body_bytes=100 * KB)
        image = base64.b64encode(png("blue", (200, 200)) + bytes(20 * KB)).decode()
        assert names(search(client, {"image_b64": image}))[0] == "blue"
        assert_problem(search(client, {"image_b64": image, "k": "x" * KB}), 413, "1,024")
        assert_problem(search(client, {"embedding": [0] * KB}), 413, "1,024")
        assert_problem(search(client, {"image_b64": image, "id": "x"}), 422, "exactly one")
        assert_problem(search(client, {"image_b64": image, "k": 1}), 422, "body.k")
        assert_problem(search(client, {"a": {"image_b64": image}}), 422)
        assert_problem(search(client, f'{{"image_b64": "{image}"'.encode()), 422)
        assert_problem(search(client, f'{{"image_b64": "{image}'.encode()), 413)
        assert_problem(search(client, {"image_b64": base64.b64encode(bytes(100 * KB + 1)).decode()}), 413, "102,400")
        assert_problem(search(client, {"image_b64": base64.b64encode(bytes(200 * KB)).decode()}), 413)

    def test_an_image_is_as_large_in_json_as_it_is_alone(self, client: TestClient) -> None:
        content = png("blue") + os.urandom(20 * KB * KB - 1000)  # what follows an image's end is not looked at
        assert names(search(client, {"image_b64": base64.b64encode(content).decode()}))[0] == "blue"
        broken_in_lines = base64.encodebytes(content[: -KB * KB]).decode()
        assert names(search(client, {"image_b64": broken_in_lines}))[0] == "blue"


class TestBase64:
    """``decode_base64``, in parts."""

    @given(st.binary(max_size=200), st.integers(10, 40), st.booleans())
    def test_what_is_cut_in_parts_is_decoded_as_the_whole(self, content: bytes, part: int, padded: bool) -> None:
        text = base64.b64encode(content)
        text = text if padded else text.rstrip(b"=")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_body, "_PART", part)
            for form in (
                text,
                b"data:image/png;base64," + text,
                text.replace(b"+", b"-").replace(b"/", b"_"),
                text.replace(b"+", rb"\u002b").replace(b"/", rb"\/").replace(b"=", rb"\u003D"),
                rb"\n".join(text[start : start + 7] for start in range(0, len(text), 7)),
                b"\r\n ".join(text[start : start + 7] for start in range(0, len(text), 7)),
            ):
                assert decode_base64(form) == content

    @pytest.mark.parametrize("text", [b"a", b"abcde", b"ab!d", b"ab==cd==", b"data:,abcd", "ä".encode(), rb"ab\u0063d"])
    def test_what_is_no_base64_is_refused(self, text: bytes) -> None:
        with pytest.raises(InputError, match="not Base64"):
            decode_base64(text)
