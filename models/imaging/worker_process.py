"""One decoding process as the process that started it sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from signal import SIGKILL, Signals
from typing import Any

from models import errors
from models.imaging.decode_worker import from_facts
from models.imaging.limits import DecodeLimits, variable_of
from models.imaging.photograph import Photograph

_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": str(2**20),  # what a large picture took goes back to the system at once
    "MALLOC_MMAP_THRESHOLD_": str(2**20),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

_LONGEST_ANSWER = 2**20  # bytes; facts are short

SPARE_BYTES = 600 * 2**20
"""Address space beside what decoding may take: of libraries (200 MB), of the file, and what an estimate misses."""

_OVERTIME = (
    (Signals.SIGALRM, "max_decode_s", "seconds"),
    (Signals.SIGXCPU, "max_decode_cpu_s", "seconds of a processor"),
)
"""The signals that end a process whose image takes too long, with the limits that they enforce."""


class WorkerProcess:
    """A decoding process; one thread asks it, any may stop it. It is of no use after an error that is not its answer.

    Args:
        limits: of the images; those of time and memory the system enforces.
        niceness: how far it stands back behind other processes, 0 to 19.
    """

    def __init__(self, limits: DecodeLimits, niceness: int = 0) -> None:
        self._limits = limits
        self._stopped = False
        address_space = limits.max_decode_bytes + SPARE_BYTES
        arguments = {"limits": asdict(limits), "address_space": address_space}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "models.imaging.decode_worker", json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries in C write there, of every damaged file
            env={**os.environ, **_ENVIRONMENT},
            # Ctrl-C is for the process that started it, which ends this one. Not a session: Linux shares processors
            # between sessions first, whatever the niceness of what is in them.
            process_group=0,
        )

        if niceness and hasattr(os, "setpriority"):  # from here: to import takes as long as to decode
            os.setpriority(os.PRIO_PROCESS, self._process.pid, niceness)

    def decode(self, content: bytes, shrink_to: int | None) -> Photograph:
        """Decode one image; see ``decode_image``.

        Raises:
            ImageError: it cannot be decoded within the limits.
        """
        try:
            return self._ask(content, shrink_to)
        except (OSError, EOFError, ValueError, TypeError, KeyError):  # the last three are of an answer that is none
            raise self._end_of_process() from None

    @property
    def is_alive(self) -> bool:
        """Tell whether it can be asked."""
        return not self._stopped and self._process.poll() is None

    def stop(self) -> None:
        """End it at once, whatever it does."""
        self._stopped = True
        self._process.kill()

    def close(self) -> None:
        """End it and let go of its pipes; nobody asks it any more."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # a request that it did not take
                pipe.close()  # type: ignore[union-attr]

    def _ask(self, content: bytes, shrink_to: int | None) -> Photograph:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests and answers  # noqa: S101 - they were asked for
        requests.write(json.dumps({"bytes": len(content), "shrink_to": shrink_to}).encode() + b"\n")
        requests.write(content)
        requests.flush()
        told: dict[str, Any] = json.loads(answers.readline(_LONGEST_ANSWER))
        if "error" in told:
            raise _error(told["error"], told["message"])
        return from_facts(told, answers)

    def _end_of_process(self) -> errors.ImageError:
        """Say why the process ended in the middle of an image."""
        self.stop()  # it may be alive, and have told nonsense
        code = self._process.wait()
        for signal, name, unit in _OVERTIME:
            if code == -signal:
                limit = getattr(self._limits, name)
                return errors.ImageTooLargeError(f"decoding took more than {limit} {unit} ({variable_of(name)})")
        if code == -SIGKILL:
            return errors.DecodeResourceError("decoding was ended from outside, as where memory runs out")
        return errors.ImageError(f"the decoder crashed on it (exit status {code})")


def _error(name: str, message: str) -> errors.ImageError:
    """Return the error that the process met, of the class that it names."""
    kind = getattr(errors, name, errors.ImageError)
    is_one = isinstance(kind, type) and issubclass(kind, errors.ImageError)
    return kind(message) if is_one else errors.ImageError(message)
