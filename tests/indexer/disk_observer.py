"""Watches what a program asks of the disk, to tell what a power cut would leave; every call is carried out as well."""

import os
from pathlib import Path

import pytest


def state(path: Path) -> bytes | frozenset[str]:
    """Return what there is to be made durable: a file's content, a folder's names."""
    return frozenset(entry.name for entry in path.iterdir()) if path.is_dir() else path.read_bytes()


class DiskObserver:
    """Records fsync and rename in their order.

    ``steps`` holds ``("fsync", name)`` and ``("rename", old name, new name)``. ``mistakes`` holds each rename of what
    had not been forced to the disk as it is, file by file, and each that came before an earlier one was durable.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[tuple[str, ...]] = []
        self.mistakes: list[str] = []
        self._durable: dict[int, bytes | frozenset[str]] = {}
        self._renamed_in: set[Path] = set()
        fsync, rename, replace = os.fsync, os.rename, os.replace

        def observed_fsync(descriptor: int) -> None:
            fsync(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            self.steps.append(("fsync", path.name))
            self._durable[os.fstat(descriptor).st_ino] = state(path)
            self._renamed_in.discard(path)

        def observed(move):
            def call(old: str | Path, new: str | Path) -> None:
                self._check(Path(old), Path(new))
                move(old, new)
                self.steps.append(("rename", Path(old).name, Path(new).name))
                self._renamed_in.add(Path(new).parent)

            return call

        monkeypatch.setattr(os, "fsync", observed_fsync)
        monkeypatch.setattr(os, "rename", observed(rename))
        monkeypatch.setattr(os, "replace", observed(replace))

    def finish(self) -> None:
        """Assert that every step was safe, and that nothing is left to be made durable."""
        assert self.mistakes == []
        assert self._renamed_in == set(), "a rename is durable when its folder is"

    def is_durable(self, path: Path) -> bool:
        """Tell whether a file has been forced to the disk with the content that it has now."""
        return self._durable.get(path.stat().st_ino) == state(path)

    def _check(self, old: Path, new: Path) -> None:
        self.mistakes += [f"{path} is not durable" for path in (old, *old.rglob("*")) if not self.is_durable(path)]
        self.mistakes += [f"{new} before {folder} is durable" for folder in self._renamed_in]
