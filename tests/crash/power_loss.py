"""What a power cut leaves of a folder: calls that were recorded are replayed, and what no fsync covered is dropped.

The model is the strict one of POSIX: an fsync of a file makes its content durable and not its name; an fsync of a
folder makes the names in it durable that were made, moved or removed before, and no others.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path, PurePath

_HEAD = struct.Struct("=4Iq")


class Kind(IntEnum):
    """Of a call, as in ``shim.c``."""

    CREATE = 0
    WRITE = 1
    TRUNCATE = 2
    FSYNC = 3
    RENAME = 4
    UNLINK = 5
    MKDIR = 6
    RMDIR = 7
    LINK = 8


@dataclass(frozen=True)
class Call:
    """One recorded call; paths are relative to the folder, ``.`` being the folder itself."""

    kind: Kind
    path: str
    other: str
    offset: int
    data: bytes


@dataclass
class Content:
    """The bytes of one file: those that are durable, and the changes since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)

    def flush(self) -> None:
        """Make everything durable."""
        for call in self.pending:
            self._apply(call)
        self.pending = []

    def remains(self, chance: random.Random | None) -> bytes:
        """Return what a power cut leaves: the durable bytes, with some of the changes where chance is given."""
        left = Content(bytearray(self.durable), [call for call in self.pending if chance and chance.random() < 0.5])
        left.flush()
        return bytes(left.durable)

    def _apply(self, call: Call) -> None:
        if call.kind == Kind.WRITE:
            self._resize(max(len(self.durable), call.offset + len(call.data)))
            self.durable[call.offset : call.offset + len(call.data)] = call.data
        else:
            self._resize(0 if call.kind == Kind.CREATE else call.offset)

    def _resize(self, size: int) -> None:
        del self.durable[size:]
        self.durable.extend(bytes(size - len(self.durable)))


@dataclass
class Folder:
    """The names in one folder: those that are, and those that are durable."""

    now: dict[str, Folder | Content] = field(default_factory=dict)
    durable: dict[str, Folder | Content] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A name that was made or, where it is of nothing, removed."""

    folder: Folder
    name: str
    node: Folder | Content | None

    def apply_to(self, names: dict[str, Folder | Content]) -> None:
        """Make or remove the name."""
        if self.node is None:
            names.pop(self.name, None)
        else:
            names[self.name] = self.node


class Disk:
    """A folder while calls are replayed."""

    def __init__(self, base: Path) -> None:
        self._root = _read(base)
        self._pending: list[tuple[Change, ...]] = []

    def carry_out(self, call: Call) -> None:
        """Replay one call."""
        node = self._find(call.path)
        match call.kind:
            case Kind.FSYNC if isinstance(node, Content):
                node.flush()
            case Kind.FSYNC if isinstance(node, Folder):
                node.durable = dict(node.now)
                self._pending = [changes for changes in self._pending if changes[0].folder is not node]
            case Kind.WRITE | Kind.TRUNCATE if isinstance(node, Content):
                node.pending.append(call)
            case Kind.CREATE if isinstance(node, Content):
                if call.offset:  # it was opened to be written anew
                    node.pending.append(call)
            case Kind.CREATE:
                self._change((call.path, Content()))
            case Kind.MKDIR:
                self._change((call.path, Folder()))
            case Kind.UNLINK | Kind.RMDIR:
                self._change((call.path, None))
            case Kind.RENAME if PurePath(call.path).parent == PurePath(call.other).parent:
                self._change((call.other, node), (call.path, None))
            case Kind.RENAME:  # in one folder it is one step; in two, each has its own
                self._change((call.other, node))
                self._change((call.path, None))

    def write_remains(self, target: Path, chance: random.Random | None) -> None:
        """Write what a power cut leaves now."""
        for changes in self._pending[: chance.randint(0, len(self._pending))] if chance else ():
            for change in changes:
                change.apply_to(change.folder.durable)
        _write(self._root, target, chance)

    def _find(self, path: str) -> Folder | Content | None:
        node: Folder | Content | None = self._root
        for name in PurePath(path).parts:
            node = node.now.get(name) if isinstance(node, Folder) else None
        return node

    def _change(self, *names: tuple[str, Folder | Content | None]) -> None:
        """Make or remove names of one folder in one step."""
        folder = self._find(str(PurePath(names[0][0]).parent))
        assert isinstance(folder, Folder)
        changes = tuple(Change(folder, PurePath(path).name, node) for path, node in names)
        for change in changes:
            change.apply_to(folder.now)
        self._pending.append(changes)


@dataclass(frozen=True)
class Trace:
    """The calls of one run, and the folder as it was before."""

    calls: list[Call]
    base: Path

    @classmethod
    def read(cls, file: Path, folder: Path, base: Path) -> Trace:
        """Read what the library recorded of a folder."""
        content, place, calls = file.read_bytes(), 0, []
        while place < len(content):
            kind, first, second, size, offset = _HEAD.unpack_from(content, place)
            place += _HEAD.size
            parts = []
            for length in (first, second, size):
                parts.append(content[place : place + length])
                place += length
            paths = [str(PurePath(part.decode()).relative_to(folder)) if part else "" for part in parts[:2]]
            calls.append(Call(Kind(kind), *paths, offset, parts[2]))
        return cls(calls, base)

    def write_remains(self, calls: int, target: Path, chance: random.Random | None) -> None:
        """Write what is left of the folder after so many calls and a power cut.

        Args:
            calls: that were carried out.
            target: is made.
            chance: of what no fsync covers: a file's changes, and the first of the changes of names, may be there; by
                default none is.
        """
        disk = Disk(self.base)
        for call in self.calls[:calls]:
            disk.carry_out(call)
        disk.write_remains(target, chance)


def _read(path: Path) -> Folder:
    names: dict[str, Folder | Content] = {
        entry.name: _read(entry) if entry.is_dir() else Content(bytearray(entry.read_bytes()))
        for entry in path.iterdir()
    }
    return Folder(names, dict(names))


def _write(folder: Folder, target: Path, chance: random.Random | None) -> None:
    target.mkdir()
    for name, node in folder.durable.items():
        if isinstance(node, Folder):
            _write(node, target / name, chance)
        elif not name.endswith("-shm"):  # that one is memory that processes share
            (target / name).write_bytes(node.remains(chance))
