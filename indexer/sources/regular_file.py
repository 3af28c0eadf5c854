"""Reads files that may be something else: to open a fifo or a device could wait for ever."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_regular_file(path: Path) -> bytes:
    """Return a file's content; it is opened without waiting, should it have become something else.

    Raises:
        OSError: it is gone, closed or no file; ``strerror`` says what it is.
    """
    check_regular(path.stat().st_mode, path)
    descriptor = os.open(path, os.O_RDONLY | _AT_ONCE)
    with os.fdopen(descriptor, "rb") as file:
        check_regular(os.fstat(descriptor).st_mode, path)
        return file.read()


def check_regular(mode: int, path: Path | str) -> None:
    """Refuse what is no file.

    Raises:
        FileNotFoundError: ``strerror`` says what it is.
    """
    if not stat.S_ISREG(mode):
        raise FileNotFoundError(errno.ENOENT, f"is no file but {kind_of(mode)}", str(path))


def kind_of(mode: int) -> str:
    """Say what a mode of ``os.stat`` is the mode of."""
    return _KINDS.get(stat.S_IFMT(mode), "something else")
