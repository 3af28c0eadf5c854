"""The log may be lost; the service goes on: full disks, closed streams, pipes that nobody reads."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from service.lossy_stream import LossyStream


@contextmanager
def stream_to(descriptor: int) -> Iterator[LossyStream]:
    with ExitStack() as stack:
        file = open(descriptor, "w", closefd=False)  # noqa: SIM115 - closed by the test where it says so
        stack.callback(file.close)
        yield LossyStream(file)


def test_what_can_be_written_is_written_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        file.write("before ")
        LossyStream(file).write("zwölf \ud800" + "x" * 10_000 + "\n")
        assert (tmp_path / "log").read_text("utf-8") == "before zwölf \\ud800" + "x" * 10_000 + "\n"


def test_a_stream_in_memory_is_written_to_and_a_missing_or_closed_one_is_not() -> None:
    memory = io.StringIO()
    LossyStream(memory).write("line")
    assert memory.getvalue() == "line"
    stream = LossyStream(memory)
    memory.close()
    for lossy in (stream, LossyStream(None)):
        assert lossy.write("line") == 4
        lossy.flush()


def test_a_full_disk_loses_the_line() -> None:
    with Path("/dev/full").open("w") as full:
        assert LossyStream(full).write("line") == 4


def test_a_pipe_that_nobody_reads_loses_lines_and_holds_up_nobody() -> None:
    reading, writing = os.pipe()
    with stream_to(writing) as stream:
        for _ in range(50):
            stream.write("x" * 5000)
        kept = os.read(reading, 10**6)
        assert 0 < len(kept) < 250_000
        stream.write("read again\n")
        assert os.read(reading, 100) == b"read again\n"
        os.close(reading)
        stream.write("nobody is there")
    os.close(writing)


@pytest.mark.parametrize(
    ("log_format", "redirection"), [("text", ">/dev/full 2>&1"), ("text", ">&- 2>&- <&-"), ("json", "2>&1 | sleep 60")]
)
def test_the_service_answers_and_stops_whatever_becomes_of_its_log(
    tmp_path: Path, log_format: str, redirection: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = f"{sys.executable} -m service.cli serve --port {port}"
    script = f"echo $$ > {tmp_path}/pid; exec {serve}"
    command = f"sh -c '{script}' {redirection}"
    environment = {**os.environ, "SEMBLANCE_DATA_DIR": str(tmp_path), "SEMBLANCE_LOG_FORMAT": log_format}
    with subprocess.Popen(["sh", "-c", command], env=environment, start_new_session=True) as shell:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
                _wait_for(client)
                for _ in range(600):  # more than a pipe holds
                    assert client.get("/livez", headers={"X-Request-ID": "x" * 64}).status_code == 200
            service = int((tmp_path / "pid").read_text())
            os.kill(service, signal.SIGTERM)
            _wait_until_gone(service)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)


def _wait_for(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            client.get("/livez")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the service did not start")


def _wait_until_gone(process: int) -> None:
    for _ in range(400):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except OSError:
            return
        time.sleep(0.05)
    raise AssertionError("the service did not stop")


def test_an_error_is_written_plainly_for_people_too() -> None:
    """Drawn in a box with the variables of each frame it would take seconds, and tell what requests hold."""
    program = """
import structlog
from service.logs import configure_logging
configure_logging("text")
try:
    secret = "hidden"
    raise ValueError("told")
except ValueError:
    structlog.get_logger().exception("failed")
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    assert "ValueError: told" in told
    assert "hidden" not in told.replace('secret = "hidden"', "")
    assert "╭" not in told
