"""The process that decodes untrusted images for another: limited by the system, and ended without loss at any moment.

It reads requests from its standard input and answers on its standard output, one after the other, until the input
ends. A message is a line of JSON, then as many raw bytes as it says. Nothing is unpickled on either side.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
from contextlib import suppress
from datetime import datetime
from typing import IO, Any

import numpy as np

from models.errors import ImageError
from models.imaging.decode import decode_image
from models.imaging.limits import DecodeLimits
from models.imaging.photograph import Photograph

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]


def main(arguments: str) -> None:
    """Decode until the input ends.

    Args:
        arguments: JSON of ``limits`` (the fields of ``DecodeLimits``) and ``address_space`` in bytes.
    """
    asked = json.loads(arguments)
    limits = DecodeLimits(**asked["limits"])
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    _limit_memory(asked["address_space"])
    while line := requests.readline():
        request = json.loads(line)
        content = requests.read(request["bytes"])
        _limit_time(limits.max_decode_cpu_s, limits.max_decode_s)
        told, pixels = _decode(content, limits, request["shrink_to"])
        _limit_time(limits.max_decode_cpu_s, 0)
        answers.write(json.dumps(told).encode() + b"\n")
        answers.write(pixels)
        answers.flush()


def _decode(content: bytes, limits: DecodeLimits, shrink_to: int | None) -> tuple[dict[str, Any], memoryview]:
    try:
        photograph = decode_image(content, limits, shrink_to=shrink_to)
    except ImageError as error:
        return {"error": type(error).__name__, "message": str(error)}, memoryview(b"")
    return as_facts(photograph), np.ascontiguousarray(photograph.pixels).data.cast("B")


def as_facts(photograph: Photograph) -> dict[str, Any]:
    """Return what JSON can carry of a photograph: its facts, and the shape of its pixels."""
    facts = {field.name: getattr(photograph, field.name) for field in dataclasses.fields(photograph)}
    pixels = facts.pop("pixels")
    taken_at = photograph.taken_at
    return {**facts, "taken_at": taken_at and taken_at.isoformat(), "shape": pixels.shape}


def from_facts(facts: dict[str, Any], pixels: IO[bytes]) -> Photograph:
    """Return the photograph of ``as_facts``, with pixels read from a file.

    Raises:
        EOFError: the pixels end early.
    """
    rows, columns, channels = facts.pop("shape")
    values = np.empty((rows, columns, channels), np.uint8)
    if pixels.readinto(values.data.cast("B")) != values.size:  # type: ignore[attr-defined]
        raise EOFError
    taken_at = facts.pop("taken_at")
    lists = {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
    return Photograph(values, taken_at=datetime.fromisoformat(taken_at) if taken_at else None, **{**facts, **lists})


def _limit_memory(most_bytes: int) -> None:
    if resource:
        with suppress(ValueError, OSError):  # a stricter limit of the system's stays
            resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(cpu_s: int, wall_s: int) -> None:
    """Let the system end this process when it takes so many seconds more; no seconds on the wall are no limit."""
    if resource:
        signal.setitimer(signal.ITIMER_REAL, wall_s)
        used = resource.getrusage(resource.RUSAGE_SELF)
        with suppress(ValueError, OSError):
            _, hard = resource.getrlimit(resource.RLIMIT_CPU)
            resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + cpu_s, hard))


if __name__ == "__main__":
    main(sys.argv[1])
