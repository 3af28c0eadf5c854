"""Clients that upload one file again and again, in a process of their own: what measures them is not slowed by them.

``python -m benchmarks.uploaders PORT PATH CLIENTS < FILE`` runs until it gets SIGTERM, then writes how many answers had
which status, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from benchmarks.open_loop import Connection, Request

_TIMEOUT_S = 60
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
    os.nice(19)  # other machines' clients would take none of this one's processors
    port, path, clients = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    upload = Request(path, sys.stdin.buffer.read(), "image/jpeg")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_upload(port, upload, clients))), flush=True)


async def _upload(port: int, upload: Request, clients: int) -> Counter[int]:
    statuses, over = Counter[int](), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)

    async def work() -> None:
        connection = Connection(port, _TIMEOUT_S)
        while True:
            status = await connection.ask(upload)
            statuses[status] += 1
            if status in (0, 429, 503):
                await asyncio.sleep(_PAUSE_S)

    tasks = [asyncio.create_task(work()) for _ in range(clients)]
    await over.wait()
    for task in tasks:
        task.cancel()
    return statuses


if __name__ == "__main__":
    main()
