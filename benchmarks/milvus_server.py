"""A real Milvus server of this machine, from the wheel ``milvus``, for tests: started, killed and started again."""

import importlib.util
import shutil
import socket
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

INSTALL = "needs a Milvus server: pip install milvus==2.3.5 pymilvus, on x86-64"


def can_start() -> bool:
    """Tell whether the server and its client are installed."""
    return all(importlib.util.find_spec(name) for name in ("milvus", "pymilvus"))


class MilvusProcess:
    """One server on the loopback; its data goes with it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="semblance-milvus-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._server: Any = None
        self.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, with the data it had, and wait until it answers."""
        with warnings.catch_warnings():  # of the wheel
            warnings.simplefilter("ignore")
            if self._server is None:
                from milvus import MilvusServer

                self._server = MilvusServer(wait_for_started=True)
                self._server.set_base_dir(str(self._folder))
                self._server.listen_port = self.port
            else:
                self._server.config.resolve = lambda: None  # the ports of before, which the system may not show as free
            self._server.start()

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self._server.server_proc is not None and self._server.server_proc.poll() is None

    def kill(self) -> None:
        """Kill it as a power cut would end it."""
        process = self._server.server_proc
        process.kill()
        process.wait()
        self._close()

    def stop(self) -> None:
        """End it for good."""
        if self.runs:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _close(self) -> None:
        with suppress(Exception):
            self._server.stop()
