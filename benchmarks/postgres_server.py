"""A real PostgreSQL server of this machine, for tests and benchmarks: started, killed and started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

INSTALL = "needs a PostgreSQL server: apt-get install postgresql"
_USER = "semblance"


def binaries() -> Path | None:
    """Return the folder of the newest server's programs; None where there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = installed[-1] if installed else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """One server with one database, on the loopback; its data goes with it."""

    def __init__(self) -> None:
        programs = binaries()
        assert programs is not None, INSTALL
        # Not below pytest's folder, which is closed to other users again whenever a test run begins.
        self._folder = Path(tempfile.mkdtemp(prefix="semblance-postgres-"))
        self._programs, self._data = programs, self._folder / "data"
        # The server refuses to run as root: there it runs as the user whom Debian's package makes.
        self._owner = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self._owner:
            shutil.chown(self._folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._run("initdb", "-A", "trust", "-U", _USER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        """Of its database."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k '' -F -c max_connections=60"
        deadline = time.monotonic() + 30
        while True:  # after a kill, what is left of the former one may still be going
            try:
                self._run("pg_ctl", "-w", "-l", str(self._data / "log"), "-o", options, "start")
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def start_again(self) -> None:
        """Start it unless it runs."""
        if not self._runs_now():
            self.start()

    def kill(self) -> None:
        """Kill it and every process of it, as a power cut would end them."""
        parent = int((self._data / "postmaster.pid").read_text().split()[0])
        processes = [parent, *map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(_runs(process) for process in processes):
            time.sleep(0.01)

    def stop(self) -> None:
        """End it for good."""
        self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

    def _runs_now(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._data), *arguments]
        done = subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder,
            **self._owner,
        )  # fmt: skip
        done.check_returncode()


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
