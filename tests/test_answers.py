"""What counts as a difference between two services' answers, and how answers are recorded and compared."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from benchmarks import answers
from benchmarks.comparison import Comparison, changed_places, compare
from benchmarks.provenance import COLUMNS
from benchmarks.routes.ask import Ask
from benchmarks.routes.catalog import not_asked
from benchmarks.routes.interface import interface_of
from benchmarks.routes.recording import mean_colours, record

TOLERANCE = 1e-5


def compared(before: Any, after: Any, tolerance: float = TOLERANCE) -> Comparison:
    """Compare two bodies of one answer."""
    one, other = ({"GET /x": {"asked": {"status": 200, "body": body}}} for body in (before, after))
    return compare(one, other, tolerance)["GET /x"]


def page(**scores: float) -> dict[str, Any]:
    """Make a page of results, in the order given."""
    results = [{"id": name, "rank": rank, "score": score} for rank, (name, score) in enumerate(scores.items(), 1)]
    return {"results": results}


def test_equal_answers_are_equal_whatever_time_and_request_ids_say() -> None:
    before = {"took_ms": {"total": 3.0}, "request_id": "a", "collection": {"created_at": "2026"}, "score": 0.5}
    after = {"took_ms": 9, "request_id": "b", "collection": {"created_at": "2027"}, "score": 0.5}
    assert compared(before, after) == Comparison(answers=1)


@pytest.mark.parametrize(("after", "equal"), [(0.500009, True), (0.499991, True), (0.50002, False), (0.4, False)])
def test_numbers_may_differ_by_the_tolerance(after: float, equal: bool) -> None:
    found = compared({"score": 0.5}, {"score": after})
    assert found.equal is equal
    assert found.largest_number == pytest.approx(abs(after - 0.5))
    assert len(found.numbers) == (not equal)


def test_the_largest_difference_is_told_by_field() -> None:
    before = {"a": [{"value": 1.0}, {"value": 2.0}], "b": 1.0}
    after = {"a": [{"value": 1.000001}, {"value": 2.000004}], "b": 1.0}
    assert compared(before, after).largest == {"body.a.value": pytest.approx(4e-6)}


def test_coarsely_rounded_fields_may_differ_by_a_step_more() -> None:
    assert compared({"values": [[0.1234]]}, {"values": [[0.1235]]}).equal
    assert not compared({"values": [[0.1234]]}, {"values": [[0.1236]]}).equal
    assert not compared({"value": 0.1234}, {"value": 0.1235}).equal


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"k": 10}, {"k": 11}),
        ({"exact": True}, {"exact": False}),
        ({"exact": True}, {"exact": 1}),
        ({"confidence": None}, {"confidence": 0.0}),
        ({"caption": "a dog"}, {"caption": "a cat"}),
        ({"next": 10}, {}),
        ({}, {"next": None}),
        ({"warnings": []}, {"warnings": ["nothing matches"]}),
        ({"values": [[1.0, 2.0]]}, {"values": [[1.0]]}),
        (page(a=0.5), {"results": []}),
    ],
)
def test_all_but_fractions_must_be_equal(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = compared(before, after)
    assert not found.equal
    assert len(found.other) == 1


def test_another_result_is_a_difference() -> None:
    found = compared(page(a=0.9, b=0.5), page(a=0.9, c=0.5 + 2 * TOLERANCE))
    assert not found.equal
    assert len(found.ids) == 2  # one is gone, one is new
    assert not found.ties


def test_another_order_is_a_difference_unless_the_scores_are_tied() -> None:
    apart = compared(page(a=0.9, b=0.5), page(b=0.9, a=0.5))
    assert not apart.equal
    assert len(apart.ids) == 1
    tied = compared(page(a=0.5, b=0.5 - TOLERANCE / 2), page(b=0.5, a=0.5 - TOLERANCE / 2))
    assert tied.equal
    assert len(tied.ties) == 1


def test_results_are_compared_by_id_where_a_tie_has_moved_them() -> None:
    before, after = page(a=0.5, b=0.5), page(b=0.5, a=0.5)
    before["results"][0]["caption"], after["results"][1]["caption"] = "a dog", "a cat"
    found = compared(before, after)
    assert found.other == ["asked: body.results[0].caption: 'a dog' became 'a cat'"]


def test_a_rank_that_no_order_explains_is_a_difference() -> None:
    before, after = page(a=0.9, b=0.5), page(a=0.9, b=0.5)
    after["results"][1]["rank"] = 3
    assert compared(before, after).other == ["asked: body.results[1].rank: 2 became 3"]


def test_a_tie_at_the_edge_of_a_page_is_a_tie() -> None:
    assert changed_places({"a": 0.9, "b": 0.5}, {"a": 0.9, "c": 0.5}, TOLERANCE)[0] == []
    differences, ties = changed_places({"a": 0.9, "b": 0.5, "d": 0.3}, {"a": 0.9, "c": 0.5, "d": 0.3}, TOLERANCE)
    assert (len(differences), len(ties)) == (2, 0)  # in the middle nothing leaves a page by a tie
    assert changed_places({"a": 0.9, "b": 0.5}, {"a": 0.9}, TOLERANCE)[0] == ["b (score 0.500000) is gone"]


def test_a_status_that_differs_is_told_once() -> None:
    before = {"GET /x": {"asked": {"status": 200, "body": {"a": 1, "b": 2}}}}
    after = {"GET /x": {"asked": {"status": 404, "body": {"detail": "no"}}}}
    assert compare(before, after, TOLERANCE)["GET /x"].other == ["asked: status 200 became 404"]


def test_what_only_one_was_asked_is_a_difference() -> None:
    answer = {"status": 200, "body": None}
    found = compare(
        {"GET /x": {"a": answer, "b": answer}}, {"GET /x": {"a": answer}, "GET /y": {"c": answer}}, TOLERANCE
    )
    assert found["GET /x"].other == ["b: asked only before"]
    assert found["GET /y"].other == ["c: asked only after"]
    assert found["GET /x"].answers == 1


def test_the_program_ends_with_1_where_answers_differ_and_writes_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, score in (("before", 0.5), ("near", 0.500001), ("far", 0.6)):
        recorded = {
            "provenance": {"commit": name},
            "answers": {"POST /search/text": {"a dog": {"status": 200, "body": page(a=score)}}},
        }
        (tmp_path / name).write_text(json.dumps(recorded))
    before, output = str(tmp_path / "before"), tmp_path / "comparison.json"
    assert answers.main(["compare", before, str(tmp_path / "near")]) == 0
    assert answers.main(["compare", before, str(tmp_path / "far"), "--output", str(output)]) == 1
    assert "POST /search/text, numbers: a dog: body.results[0].score: 0.5 became 0.6" in capsys.readouterr().out
    written = json.loads(output.read_text())
    assert (written["equal"], written["tolerance"]) == (False, TOLERANCE)
    assert (written["before"]["commit"], written["after"]["commit"]) == ("before", "far")
    assert {*COLUMNS} == {*written["provenance"]}
    assert written["routes"]["POST /search/text"]["largest"]["body.results.score"] == pytest.approx(0.1)
    assert answers.main(["compare", before, str(tmp_path / "far"), "--tolerance", "0.2"]) == 0
    assert answers.main(["compare", before, str(tmp_path / "missing")]) == 2
    assert "missing" in capsys.readouterr().err


class _Service(BaseHTTPRequestHandler):
    """Answers ``/json`` with what it was sent, ``/file`` with bytes that have an entity tag, and nothing else."""

    def do_GET(self) -> None:
        if self.path != "/file":
            self._send(404, b'{"detail": "no"}', "application/problem+json; charset=utf-8")
        elif self.headers.get("If-None-Match") == '"tag"':
            self._send(304, b"", "text/plain")
        else:
            self._send(200, b"bytes", "application/octet-stream", ETag='"tag"')

    def do_POST(self) -> None:
        self._send(200, self.rfile.read(int(self.headers["Content-Length"])), "application/json")

    def log_message(self, *args: object) -> None:
        pass

    def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _served() -> Iterator[httpx.Client]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as client:
            yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_answers_are_recorded_with_status_headers_and_body() -> None:
    asks = [
        Ask("POST /json", "a number", "/json", {"json": {"score": 0.5}}),
        Ask("GET /file", "it", "/file", {}),
        Ask("GET /file", "its length", "/file", {}, lambda response: len(response.content)),
        Ask("GET /none", "it", "/none", {}, lambda response: len(response.content)),
    ]
    with _served() as client:
        recorded = record(client, asks)
    assert recorded["POST /json"]["a number"]["body"] == {"score": 0.5}
    file = recorded["GET /file"]["it"]
    assert file["body"] == {"sha256": "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"}
    assert (file["status"], file["status_where_known"]) == (200, 304)
    assert file["headers"]["content-type"] == "application/octet-stream"
    assert file["headers"]["etag"] == file["headers"]["date"] == "present"
    assert recorded["GET /file"]["its length"]["body"] == 5
    refused = recorded["GET /none"]["it"]
    assert (refused["status"], refused["body"]) == (404, {"detail": "no"})
    assert "status_where_known" not in refused


def test_a_name_is_asked_once() -> None:
    with _served() as client, pytest.raises(ValueError, match="asked twice"):
        record(client, [Ask("GET /file", "it", "/file", {})] * 2)


def interface(schema: str, parameter: str = "k", kind: str = "integer") -> dict[str, Any]:
    """Describe a service of one route whose answer is a schema of that name."""
    answer = {
        "title": schema,
        "description": "prose",
        "properties": {"title": {"type": "string"}, "parts": {"items": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    operation = {
        "parameters": [{"name": parameter, "in": "query", "description": "prose", "schema": {"type": kind}}],
        "responses": {"200": {"description": "prose", "content": content}},
    }
    return {"paths": {"/x": {"get": operation}}, "components": {"schemas": {schema: answer}}}


def test_an_interface_is_the_same_whatever_its_schemas_are_called() -> None:
    found = interface_of(interface("Answer"))
    assert found == interface_of(interface("Echo"))
    fields = found["GET /x"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert fields == {"title": {"type": "string"}, "parts": {"items": {"contains itself": 1}}}
    assert found != interface_of(interface("Answer", parameter="count"))
    assert found != interface_of(interface("Answer", kind="string"))


def test_routes_that_nobody_asked_are_named() -> None:
    body = interface_of(interface("Answer"))
    recorded = {"GET /openapi.json": {"as it is": {"status": 200, "body": body}}}
    assert not_asked(recorded) == ["GET /x"]
    assert not_asked({**recorded, "GET /x": {}}) == []


def test_a_picture_is_kept_as_mean_colours_that_a_single_pixel_hardly_changes() -> None:
    pixels = np.zeros((30, 50, 3), np.uint8)
    pixels[:, 25:] = (255, 0, 51)

    def kept(array: np.ndarray) -> dict[str, Any]:
        file = io.BytesIO()
        Image.fromarray(array).save(file, "PNG")
        return mean_colours(httpx.Response(200, content=file.getvalue()))

    found = kept(pixels)
    assert (found["height"], found["width"]) == (30, 50)
    assert (found["colours"][0][0], found["colours"][7][7]) == ([0, 0, 0], pytest.approx([1, 0, 0.2]))
    pixels[0, 0] = 1
    change = np.abs(np.array(kept(pixels)["colours"]) - np.array(found["colours"]))
    assert change.max() == pytest.approx(1 / 255 / (4 * 7))
    assert (change > 0).sum() == 3
