"""The benchmarks' arithmetic by hand, their result files as they ship, and the pages that are made of them."""

import csv
import io
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.figures import Figure, between, format_csv, latency_figures, median_ratio, percentile, read_csv
from benchmarks.http_client import Client, load
from benchmarks.provenance import COLUMNS, provenance
from benchmarks.quality import note_origin

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def test_a_percentile_lies_between_its_two_neighbours() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.5
    assert percentile([10.0, 20.0, 30.0, 40.0, 50.0], 95) == pytest.approx(48.0)
    assert percentile([7.0], 99) == 7.0


def test_ratios_are_taken_within_a_round() -> None:
    assert median_ratio([10.0, 20.0, 90.0], [10.0, 10.0, 30.0]) == 2.0


def test_what_stands_between_two_measurements_is_their_mean() -> None:
    assert between([1.0, 3.0, 7.0]) == [2.0, 5.0]


def test_latencies_are_told_in_milliseconds() -> None:
    figures = latency_figures("x", [0.001, 0.002, 0.003])
    assert [(f.name, round(f.value, 6), f.unit) for f in figures] == [
        ("x, p50", 2.0, "ms"),
        ("x, p95", 2.9, "ms"),
        ("x, p99", 2.98, "ms"),
    ]


@pytest.mark.parametrize(
    ("value", "aim", "met"), [(0.85, ">= 0.85", "yes"), (0.84, ">= 0.85", "no"), (2.0, "< 2", "no"), (9.0, "", "")]
)
def test_an_aim_is_met_or_not(value: float, aim: str, met: str) -> None:
    assert Figure("x", value, "ratio", aim).met == met


def test_rows_bear_their_provenance() -> None:
    text = format_csv([Figure("a, b", 1.25, "ms", note="x")], provenance("the command"))
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["name"], row["value"], row["command"]) == ("a, b", "1.25", "the command")
    assert tuple(row)[-len(COLUMNS) :] == COLUMNS
    assert all(row[column] for column in COLUMNS)


@pytest.mark.parametrize(
    "name", ["indexing", "searching", "starting", "company", "large_photographs", "huggingface", "crash"]
)
def test_shipped_results_name_machine_and_versions(name: str) -> None:
    rows = read_csv(RESULTS / f"{name}.csv")
    assert rows
    for row in rows:
        assert float(row["value"]) >= 0
        assert row["unit"]
        assert all(row[column] for column in COLUMNS)
        assert row["met"] == Figure("", float(row["value"]), "", row["aim"]).met


def test_generated_pages_are_up_to_date() -> None:
    subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], check=True, timeout=60)


def test_the_client_reads_whole_answers_over_one_connection() -> None:
    with _Echo() as port, Client(port, "/x") as client:
        for size in (1, 300_000):
            content = {"query": "x" * size}
            assert json.loads(client.post(content)) == content


def test_the_client_names_a_refusal() -> None:
    with (
        _Echo(b"503 Service Unavailable") as port,
        Client(port, "/x") as client,
        pytest.raises(RuntimeError, match="503"),
    ):
        client.post({})


def test_every_request_of_a_load_is_timed() -> None:
    with _Echo() as port:
        seconds, wall_s = load(port, "/x", [{"n": n} for n in range(10)], clients=3)
    assert len(seconds) == 10
    assert max(seconds) <= wall_s


class _Echo:
    """A server that answers each request with its own body, a connection a thread."""

    def __init__(self, status: bytes = b"200 OK") -> None:
        self._status = status
        self._listening = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._accept).start()
        port: int = self._listening.getsockname()[1]
        return port

    def __exit__(self, *error: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,)).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            while stream.readline():
                headers = dict(line.split(b": ") for line in iter(stream.readline, b"\r\n"))
                length = headers[b"Content-Length"].strip()
                body = stream.read(int(length))
                stream.write(b"HTTP/1.1 " + self._status + b"\r\ncontent-length: " + length + b"\r\n\r\n" + body)
                stream.flush()


def test_a_run_of_some_measures_tells_where_the_others_come_from(tmp_path: Path) -> None:
    note_origin([], tmp_path)
    file = tmp_path / "quality.json"
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({**whole, "commit": "the first"}))
    note_origin(["calibration"], tmp_path)
    note_origin(["shapes"], tmp_path)
    found = json.loads(file.read_text())
    assert found["commit"] == "the first"
    assert {measure: own["commit"] for measure, own in found["since"].items()} == dict.fromkeys(
        ("calibration", "shapes"), whole["commit"]
    )
    note_origin([], tmp_path)
    assert "since" not in json.loads(file.read_text())
