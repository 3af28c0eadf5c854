"""Asks a service what nobody should: addresses inside the network, odd ids and paths, what its schema allows or not.

``python benchmarks/hostile_requests.py`` serves the demonstration's photographs with the fetching of addresses allowed,
and writes ``benchmarks/results/hostile_requests.csv``. Each of some hundred forms of an address leads to a socket of
this process, to this machine or to a cloud's metadata; nobody may connect. Ids and paths may show nothing of a
file beside the photographs, and cause no error of the service. schemathesis makes requests of the description, valid
and not, with all its checks on (``benchmarks/schemathesis.toml`` says what is allowed beyond the schema). Bodies that
ask for a thousand errors are sent while health checks and searches are timed.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import httpx

from benchmarks.figures import Figure, format_csv
from benchmarks.hostile_addresses import addresses
from benchmarks.open_loop import Request, send
from benchmarks.provenance import provenance
from benchmarks.serving import semblance

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "hostile_requests.csv"
_CONFIG = ROOT / "benchmarks" / "schemathesis.toml"
_LEAKS = re.compile(rb"root:.?:0:0|Traceback|site-packages|\.py\"|SELECT |/etc/passwd</|\[package\]")


def main() -> None:
    """Ask and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500, help="of schemathesis for each operation")
    parser.add_argument("--paths", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        index = ["index", str(ROOT / "demo" / "photographs"), "--collection", "photographs", "--data-dir", scratch]
        subprocess.run([sys.executable, "-m", "service.cli", *index], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        with semblance(Path(scratch), environment={"SEMBLANCE_ALLOW_URL_FETCH": "true"}) as server:
            figures = [
                *ask_addresses(server.port),
                *ask_paths(server.port, options.paths),
                *ask_by_schema(server.port, options.examples),
                *ask_for_errors(server.port),
            ]
    text = format_csv(figures, provenance("python benchmarks/hostile_requests.py"))
    print(text)
    if (options.examples, options.paths) == (500, 10_000):
        RESULTS.write_text(text, encoding="utf-8")


def ask_addresses(port: int) -> list[Figure]:
    """Search by every address; each has to be refused, without a connection to where it leads."""
    with (
        _listening() as (own_port, connections),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        asked = addresses(own_port)
        taken = [url for url in asked if client.post("/search/image", json={"url": url}).status_code != 422]
        note = f"of {len(asked)} forms"
        return [
            Figure("addresses inside the network that were not refused", len(taken), "addresses", "<= 0", note),
            Figure("connections to them", len(connections), "connections", "<= 0", note),
        ]


@contextmanager
def _listening() -> Iterator[tuple[int, list[object]]]:
    """Count who connects to a port of this machine, by both protocols."""
    connections: list[object] = []
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:

        def accept() -> None:
            while True:
                try:
                    connection, peer = server.accept()
                except OSError:
                    return
                connection.close()
                if not stopping.is_set():
                    connections.append(peer)

        stopping = threading.Event()
        thread = threading.Thread(target=accept)
        thread.start()
        port: int = server.getsockname()[1]
        try:
            yield port, connections
        finally:
            stopping.set()
            socket.create_connection(("127.0.0.1", port)).close()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


_PARTS = (
    b"..", b".", b"", b"%2e%2e", b"%2E.", b"..%2f", b"..%5c", b"..\\", b"%252e%252e%252f", b"%c0%ae%c0%ae",
    b"....//", b"~", b"etc", b"passwd", b"CURRENT", b"catalog.sqlite", b"app.py", b"main.js", b"images", b"file",
    b"thumbnail", b"similar", b"collections", b"photographs", b"reload", b"facets", b"static", b"docs", b"%00",
    b"a%00.jpg", b"'", b"\"", b"' OR 1=1--", b"%27;--", b"<script>", b"{name}", b"%7Bname%7D", b"*", b"%", b"%zz",
    b"\xff\xfe", b"\xe2\x80\xae", b"%F0%9F%98%80", b"CON", b"file:", b"http:", b";a=b", b"-",
    b"00000000000000000000000000000000", b"ffffffffffffffffffffffffffffffff",
    b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    b"1e999", b"null", b"undefined", b"$(id)", b"${jndi:ldap://x}", b"|id", b"`id`",
)  # fmt: skip
_PREFIXES = (
    b"/images/", b"/collections/", b"/static/", b"/static/docs/", b"/static/swagger/", b"/", b"/explain?image_id=",
    b"//",
)  # fmt: skip
_SUFFIXES = (
    b"", b"/file", b"/thumbnail", b"/similar", b"/", b"?collection=", b"?collection=..", b"&query=x", b"#",
    b"/reload",
)  # fmt: skip


def paths(count: int) -> Iterator[bytes]:
    """Return so many odd addresses, the same each time."""
    chance = random.Random(0)
    for _ in range(count):
        parts = b"/".join(chance.choices(_PARTS, k=chance.randint(1, 5)))
        path = chance.choice(_PREFIXES) + parts + chance.choice(_SUFFIXES)
        yield re.sub(rb"[\x00-\x20]", b"+", path)


def ask_paths(port: int, count: int) -> list[Figure]:
    """Get every odd path; none may fail inside the service, or show what is not for others."""
    failed, leaked = [], []
    for path in itertools.islice(paths(count), count):
        status, body = _get(port, path)
        if status == 0 or status >= 500:
            failed.append(path)
        if _LEAKS.search(body):
            leaked.append(path)
    note = f"of {count:,} ids and paths"
    return [
        Figure("ids and paths that failed inside the service", len(failed), "paths", "<= 0", note),
        Figure("ids and paths that showed what is not for others", len(leaked), "paths", "<= 0", note),
    ]


def _get(port: int, path: bytes) -> tuple[int, bytes]:
    """Send a path as it is, which no client would."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        response = HTTPResponse(connection)
        try:
            response.begin()
            return response.status, response.read()
        except (HTTPException, OSError):
            return 0, b""
        finally:
            response.close()


def ask_by_schema(port: int, examples: int) -> list[Figure]:
    """Have schemathesis ask, so many requests an operation, with all checks on."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(_CONFIG), "run"]
    options = [
        "--checks",
        "all",
        "--max-examples",
        str(examples),
        "--seed",
        "1",
        "--no-color",
        "--request-timeout",
        "60",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}/openapi.json", *options],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
    counts = re.search(r"(\d+) generated(?:.*?(\d+) unique failure)?", done.stdout)
    errors = re.search(r"(\d+) errors?\b", done.stdout)
    if counts is None:
        sys.exit(f"schemathesis did not run:\n{done.stdout}{done.stderr}")
    found = int(counts[2] or 0) + (int(errors[1]) if errors and done.returncode else 0)
    if found or done.returncode:
        print(done.stdout, file=sys.stderr)
    note = f"of {int(counts[1]):,} requests of schemathesis, {examples} an operation and phase"
    return [Figure("answers beside the description", max(found, done.returncode), "failures", "<= 0", note)]


def ask_for_errors(port: int, seconds: float = 10) -> list[Figure]:
    """Send bodies of as many errors as fit, and time what others ask meanwhile."""
    hostile = [
        Request(path, b'{"%s": [%s]}' % (field, b",".join([item] * (size // (len(item) + 1)))))
        for size in (250_000, 3_000_000)
        for path, field, item in (
            ("/search/image", b"embedding", b'"a"'),
            ("/search/text", b"modifiers", b"1"),
            ("/search/batch", b"searches", b"1"),
            ("/search/image", b"image_b64", b"1"),
        )
    ]
    asked = {
        "/livez": Request("/livez", b"", method="GET"),
        "/readyz": Request("/readyz", b"", method="GET"),
        "a search": Request("/search/text", b'{"query": "a house by a lake"}'),
    }
    with ThreadPoolExecutor(len(asked) + 1) as senders:
        attack = senders.submit(send, port, hostile, 40, seconds)
        runs = {name: senders.submit(send, port, [request], 10, seconds) for name, request in asked.items()}
    note = f"beside {len(attack.result().replies)} hostile bodies in {seconds:.0f} s"
    return [
        Figure(
            f"{name} beside bodies of errors, longest",
            max(r.seconds for r in run.result().replies),
            "s",
            "<= 0.25",
            note,
        )
        for name, run in runs.items()
    ]


if __name__ == "__main__":
    main()
