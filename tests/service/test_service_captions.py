"""Image to text with a generated caption, over real HTTP."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from colour_collection import assert_problem, index, names, png, save_colours
from toy_captioner import NAMES, ToyCaptioner

from models.captioning.decoding import Greedy, Sampling
from models.errors import CheckpointError
from models.protocols import GeneratedCaption
from models.types import Pixels


@pytest.fixture
def client(http: Callable[..., httpx.Client]) -> httpx.Client:
    return http()


def ask(client: httpx.Client, content: bytes | None = None, **parameters: Any) -> httpx.Response:
    return client.post(
        "/search/image",
        params={"target": "text", "generate": "true", **parameters},
        content=png("red") if content is None else content,
        headers={"Content-Type": "image/png"},
    )


def ask_json(client: httpx.Client, **source: Any) -> httpx.Response:
    return client.post("/search/image", params={"target": "text", "generate": "true"}, json=source)


def test_an_uploaded_picture_gets_a_caption_beside_the_found_ones(client: httpx.Client) -> None:
    answer = ask(client, png("green"))
    assert names(answer)[0] == "green"
    assert answer.json()["generated"] == [
        {
            "text": "a green square",
            "model": NAMES[0],
            "decoder": "beam",
            "log_probability": -1.5,
            "words": [{"word": word, "attention": None} for word in ("a", "green", "square")],
            "region": [0, 0, 1, 1],
        }
    ]
    assert answer.json()["took_ms"]["generate"] > 0


def test_a_picture_of_the_collection_gets_one(client: httpx.Client) -> None:
    found = client.post("/search/text", json={"query": "blue"}).json()["results"][0]
    assert texts(ask_json(client, id=found["image_id"])) == ["a blue square"]


def test_a_picture_in_base64_gets_one(client: httpx.Client) -> None:
    assert texts(ask_json(client, image_b64=base64.b64encode(png("cyan")).decode())) == ["a cyan square"]


def test_a_captioner_with_attention_tells_where_it_looked(client: httpx.Client) -> None:
    words = ask(client, captioner=NAMES[1]).json()["generated"][0]["words"]
    assert words == [{"word": word, "attention": [[0, 1], [0, 0]]} for word in ("a", "red", "square")]


def test_without_being_asked_nothing_is_generated_or_loaded(http: Callable[..., httpx.Client]) -> None:
    loaded: list[str] = []

    def load(name: str) -> ToyCaptioner:
        loaded.append(name)
        return ToyCaptioner(name)

    client = http(load_captioner=load)
    for parameters in ({}, {"generate": "false"}):
        answer = client.post(
            "/search/image", params={"target": "text", **parameters}, files={"file": ("x.png", png("red"))}
        ).json()
        assert answer["generated"] == []
        assert answer["took_ms"]["generate"] == 0
    assert loaded == []
    ask(client)
    ask(client)
    assert loaded == [NAMES[0]]


def test_a_collection_without_captions_gets_one_too(
    http: Callable[..., httpx.Client], data_dir: Path, tmp_path: Path
) -> None:
    save_colours(tmp_path / "bare", ["red", "blue"])
    index(data_dir, "bare", tmp_path / "bare")
    answer = ask(http(), collection="bare")
    assert texts(answer) == ["a red square"]
    assert answer.json()["results"] == []


def test_the_beam_is_as_wide_as_the_setting_says(http: Callable[..., httpx.Client]) -> None:
    captioner = ToyCaptioner()
    assert ask(http(load_captioner=lambda _: captioner, caption_beam_width=5)).status_code == 200
    assert [decoder.width for decoder in captioner.decoders] == [5]  # type: ignore[attr-defined]


def test_the_decoder_is_the_requests_choice(http: Callable[..., httpx.Client]) -> None:
    captioner = ToyCaptioner()
    client = http(load_captioner=lambda _: captioner)
    assert ask(client, decoder="greedy").json()["generated"][0]["decoder"] == "greedy"
    drawn = ask(client, decoder="sample", temperature=0.5, seed=7)
    assert drawn.json()["generated"][0]["decoder"] == "sample"
    assert captioner.decoders == [Greedy(), Sampling(temperature=0.5, seed=7)]
    for wrong in ({"decoder": "nucleus"}, {"temperature": 0}, {"temperature": "nan"}, {"seed": -1}, {"seed": 2**40}):
        assert_problem(ask(client, **wrong), 422, f"query.{next(iter(wrong))}")


def test_an_unknown_captioner_is_told_which_there_are(client: httpx.Client) -> None:
    assert_problem(ask(client, captioner="poet"), 422, "'poet'", *NAMES)


def test_a_caption_is_of_a_picture_and_a_text(client: httpx.Client) -> None:
    assert_problem(ask(client, target="image"), 422, "target=text")
    assert_problem(ask_json(client, embedding=[1, 0, 0, 0]), 422, "has none")
    sentence = {"query": "red", "target": "text", "generate": True}
    assert_problem(client.post("/search/text", json=sentence), 422, "body.generate")


def test_what_is_no_picture_is_refused(client: httpx.Client) -> None:
    assert_problem(ask(client, b"no picture"), 400, "not an image")
    assert_problem(ask(client, generate="perhaps"), 422, "query.generate")


def test_a_picture_whose_file_is_gone_gets_none(
    http: Callable[..., httpx.Client], data_dir: Path, tmp_path: Path
) -> None:
    save_colours(tmp_path / "fleeting", ["red"])
    index(data_dir, "fleeting", tmp_path / "fleeting")
    client = http(default_collection="fleeting")
    found = client.post("/search/text", json={"query": "red"}).json()["results"][0]
    (tmp_path / "fleeting" / "red.png").unlink()
    assert_problem(ask_json(client, id=found["image_id"]), 404)


def test_a_captioner_that_cannot_be_loaded_disturbs_no_search(http: Callable[..., httpx.Client]) -> None:
    def load(name: str) -> ToyCaptioner:
        raise CheckpointError(f"/tmp/weights of {name} are damaged")

    client = http(load_captioner=load)
    assert_problem(ask(client), 503, NAMES[0])
    assert names(ask(client, generate="false"))[0] == "red"


def test_a_default_captioner_that_does_not_exist_is_the_services_fault(http: Callable[..., httpx.Client]) -> None:
    assert_problem(ask(http(captioner="poet")), 503, "poet")


def test_beyond_the_limit_a_caption_is_refused_at_once_and_searches_go_on(http: Callable[..., httpx.Client]) -> None:
    started, go_on = threading.Event(), threading.Event()

    class Slow(ToyCaptioner):
        def describe(self, prepared: Pixels, decoder: Any) -> list[GeneratedCaption]:
            started.set()
            assert go_on.wait(20)
            return super().describe(prepared, decoder)

    client = http(load_captioner=Slow, max_captions=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, client)
        try:
            assert started.wait(20)
            assert_problem(ask(client), 503, "1 captions")
            assert names(ask(client, generate="false"))[0] == "red"
        finally:
            go_on.set()
        assert texts(first.result()) == ["a red square"]
    assert 'semblance_refused_total{queue="captions"} 1.0' in client.get("/metrics").text


def texts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [caption["text"] for caption in answer.json()["generated"]]
