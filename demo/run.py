"""Indexes photographs and serves them; with --check, asks over HTTP what ``queries.toml`` lists, and stops."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from indexer.layout import data_folder

HERE = Path(__file__).resolve().parent
OWN_PHOTOGRAPHS = HERE / "photographs"
SEMBLANCE = Path(sys.executable).with_name("semblance")
START_TIMEOUT_S = 180


def main() -> int:
    """Run the demonstration; returns the exit status."""
    arguments = _arguments()
    photographs = arguments.photographs.expanduser().resolve()
    own = photographs == OWN_PHOTOGRAPHS
    if arguments.check and not own:
        print("demo: --check knows only the demonstration's own photographs", file=sys.stderr)
        return 2
    collection = "demo" if own else "photos"
    data_dir = data_folder(arguments.data_dir)
    captions = ["--captions", str(HERE / "captions.csv")] if own else []
    data = ["--data-dir", str(data_dir)]
    indexed = subprocess.run(
        [SEMBLANCE, "index", str(photographs), "--collection", collection, *captions, *data], check=False
    )
    if indexed.returncode:
        return indexed.returncode
    log = data_dir / "demo-service.log"
    with _service([*data, "--host", arguments.host, "--port", str(arguments.port)], log) as process:
        address = f"http://{arguments.host}:{arguments.port}"
        if not _wait_until_ready(address, process):
            print(f"demo: the service did not get ready at {address}; {log} ends with", file=sys.stderr)
            print(*log.read_text(encoding="utf-8").splitlines()[-3:], sep="\n", file=sys.stderr)
            print("where the port is in use, PORT=8001 takes another", file=sys.stderr)
            return 1
        if arguments.check:
            from check import check_demo

            return check_demo(address, collection)
        print(f"\n  Semblance is at {address}   (Ctrl+C stops it)\n", flush=True)
        return process.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, default=OWN_PHOTOGRAPHS, help="folder to index")
    parser.add_argument("--data-dir", type=Path, help="where the index is kept; by default where all are")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--check", action="store_true", help="ask, print the answers, stop; exit 0 if they are right")
    return parser.parse_args()


@contextmanager
def _service(arguments: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "SEMBLANCE_DEFAULT_COLLECTION": ""}
    with log.open("wb") as file:
        process = subprocess.Popen([SEMBLANCE, "serve", *arguments], env=environment, stdout=file, stderr=file)
    try:
        yield process
    except KeyboardInterrupt:
        pass  # the service got the same Ctrl+C
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/readyz").status_code == httpx.codes.OK:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit ends the service, too
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
