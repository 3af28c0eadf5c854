"""Changes bytes of files as damage and attackers do, the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x01", b"\x01\0\0\0")


def mutated(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield changed copies; half of the changes are in the first bytes, where structures lie."""
    random = np.random.default_rng(seed)

    def place() -> int:
        return int(random.integers(min(len(content), 256) if random.random() < 0.5 else len(content)))

    for number in range(count):
        changed, at = bytearray(content), place()
        match number % 5:
            case 0:
                for _ in range(int(random.integers(1, 9))):
                    changed[place()] ^= int(random.integers(1, 256))
            case 1:
                changed[at : at + 4] = _EXTREMES[int(random.integers(len(_EXTREMES)))]
            case 2:
                del changed[at : at + int(random.integers(1, 64))]
            case 3:
                changed[at:at] = content[(start := place()) : start + int(random.integers(1, 64))]
            case _:
                del changed[at:]
        yield bytes(changed)
