"""A real nginx of this machine before several services, for tests and benchmarks; it asks no service a second time."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.serving import free_port

INSTALL = "needs nginx: apt-get install nginx-light"
_TIMEOUT_S = 60


class Nginx:
    """A proxy on the loopback, which shares requests out in turn.

    Args:
        folder: for its files.
        services: ports of this machine.
    """

    def __init__(self, folder: Path, services: Sequence[int]) -> None:
        self._folder, self.port = folder, free_port()
        folder.mkdir()
        self._write(services)
        self._process = subprocess.Popen([_program(), "-c", self._settings, "-p", folder, "-e", folder / "error.log"])

    def use(self, services: Sequence[int]) -> None:
        """Send new requests to these services alone; return when no request runs that was sent elsewhere."""
        before = self._workers()
        self._write(services)
        subprocess.run([_program(), "-c", self._settings, "-p", self._folder, "-s", "reload"], check=True)
        deadline = time.monotonic() + _TIMEOUT_S
        while before & self._workers() or not self._workers():
            assert time.monotonic() < deadline, "nginx keeps its former processes"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    @property
    def _settings(self) -> Path:
        return self._folder / "nginx.conf"

    def _workers(self) -> set[str]:
        return set(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split())

    def _write(self, services: Sequence[int]) -> None:
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in services)
        self._settings.write_text(
            f"""daemon off; worker_processes 1; pid {self._folder}/pid; error_log {self._folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {self._folder}/body; proxy_temp_path {self._folder}/proxy;
  fastcgi_temp_path {self._folder}/fastcgi; uwsgi_temp_path {self._folder}/uwsgi; scgi_temp_path {self._folder}/scgi;
  upstream replicas {{ {servers} }}
  server {{
    listen 127.0.0.1:{self.port};
    location / {{ proxy_pass http://replicas; proxy_next_upstream off; proxy_set_header Host $http_host; }}
  }}
}}
"""
        )


@contextmanager
def nginx(folder: Path, services: Sequence[int]) -> Iterator[Nginx]:
    """Run nginx until the block ends; enter it when it answers."""
    proxy = Nginx(folder, services)
    try:
        deadline = time.monotonic() + _TIMEOUT_S
        while not _answers(proxy.port):
            assert time.monotonic() < deadline, "nginx does not start"
            time.sleep(0.05)
        yield proxy
    finally:
        proxy.stop()


def is_installed() -> bool:
    """Tell whether there is one."""
    return shutil.which("nginx") is not None


def _program() -> str:
    return shutil.which("nginx") or "nginx"


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez").is_success
    except httpx.TransportError:
        return False
