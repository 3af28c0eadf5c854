"""Clients that upload one file again and again, in a process of their own: what measures them is not slowed by them.

``python -m benchmarks.uploaders PORT PATH CLIENTS < FILE`` runs until it gets SIGTERM, then writes how many answers had
which status, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.open_loop import Request, send

_PAUSE_S = 0.05
"""After a refusal; a client that asks again at once measures how fast refusals are, and nothing else."""


@contextmanager
def uploading(port: int, path: str, content: bytes, clients: int) -> Iterator[Counter[int]]:
    """Upload from so many clients for the length of the block; the statuses are filled in at its end."""
    statuses: Counter[int] = Counter()
    command = [sys.executable, "-m", "benchmarks.uploaders", str(port), path, str(clients)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    assert process.stdin is not None
    process.stdin.write(content)
    process.stdin.close()
    try:
        yield statuses
    finally:
        process.terminate()
        assert process.stdout is not None
        statuses.update({int(status): count for status, count in json.loads(process.stdout.read()).items()})
        process.wait()


def main() -> None:
    """Upload until told to stop."""
    port, path, clients = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    over, statuses, guard = threading.Event(), Counter[int](), threading.Lock()
    os.nice(19)  # other machines' clients would take none of this one's processors
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    upload = Request(path, sys.stdin.buffer.read(), "image/jpeg")

    def work() -> None:
        while not over.is_set():
            (reply,) = send(port, [upload], 1000, 0.001).replies
            with guard:
                statuses[reply.status] += 1
            if reply.status in (0, 429, 503):
                over.wait(_PAUSE_S)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    over.wait()
    with guard:
        print(json.dumps(statuses), flush=True)


if __name__ == "__main__":
    main()
