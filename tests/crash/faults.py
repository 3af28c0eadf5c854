"""Builds and drives ``shim.c``, which makes the n-th system call that changes a folder fatal or a failure."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
MODES = {"count": 1, "before": 2, "within": 3, "after": 4, "once": 5, "from": 6}
"""What happens at the n-th call: it is counted; the process dies; or the call fails, alone or with those after it."""


def build_shim(folder: Path) -> Path | None:
    """Compile the library with the system's C compiler; None where there is none."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return None
    library = folder / "shim.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-pthread"]
    subprocess.run(command, check=True)
    return library


def environment(shim: Path) -> dict[str, str]:
    """Return the environment in which a program has the library and starts no thread that a fork would lose."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here.parents[1], here.parent, here)))
    return os.environ | single | {"LD_PRELOAD": str(shim), "PYTHONPATH": paths}


@dataclass(frozen=True)
class Case:
    """One interruption and what came of it.

    Attributes:
        scenario: what was interrupted.
        mode: how.
        number: of the system call at which it was.
        outcome: what is wrong afterwards; empty where nothing is.
    """

    scenario: str
    mode: str
    number: int
    outcome: str


def interrupt(shim: Path, folder: Path, plan: Mapping[str, object]) -> Iterator[Case]:
    """Run ``interrupt.py`` over a plan, which it describes, and yield its cases as they come.

    Args:
        shim: the library.
        folder: empty; in memory where there is such a disk, for what is tried is the order of calls, not their speed.
        plan: which cases.
    """
    command = [sys.executable, "-W", "error", Path(__file__).with_name("interrupt.py"), folder, json.dumps(plan)]
    with subprocess.Popen(command, env=environment(shim), stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        for line in program.stdout:
            yield Case(*json.loads(line))
    if program.returncode:
        raise RuntimeError(f"interrupt.py ended with {program.returncode}")


class Faults:
    """The library in this process, which was started with it."""

    def __init__(self) -> None:
        self._shim = ctypes.CDLL(None)
        self._shim.shim_arm.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_long, ctypes.c_int]
        self._shim.shim_record.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        self._shim.shim_count.restype = ctypes.c_long

    def arm(self, folder: Path, mode: str, number: int = 0, error: int = 0) -> None:
        """Make the n-th call below a folder what the mode says; only ever called in a fork."""
        self._shim.shim_arm(os.fsencode(folder), MODES[mode], number, error)

    def record(self, folder: Path, trace: Path) -> None:
        """Write every call below a folder to a file."""
        self._shim.shim_record(os.fsencode(folder), os.fsencode(trace))

    def count(self) -> int:
        """Return how many calls there were since ``arm``."""
        return int(self._shim.shim_count())


def in_fork(function: Callable[[], str]) -> tuple[int, str]:
    """Run a function in a forked process; return how that ended (``waitpid``'s status), and what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.write(writing, function().encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        result = told.read().decode()
    return os.waitpid(child, 0)[1], result
