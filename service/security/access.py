"""What the holder of a key may do, and how keys are written: ``name:role:secret``, or ``name:role@collection:secret``.

What the present request may do is a context variable: what is asked of collections asks it, in whatever thread a
request is answered, so that no route can forget to.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from models.errors import SemblanceError

Role = Literal["read", "admin"]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORM = "write name:role:secret or name:role@collection+collection:secret, with the role read or admin"


class ForbiddenError(SemblanceError):
    """The key may not do what was asked."""


@dataclass(frozen=True)
class Access:
    """What a key's holder may do.

    Attributes:
        name: of the key, for the log.
        role: ``read`` asks, ``admin`` also changes what is served.
        collections: the only ones that there are for it; None for all.
    """

    name: str
    role: Role
    collections: frozenset[str] | None = None

    def sees(self, collection: str) -> bool:
        """Tell whether a collection is one of those that there are for it."""
        return self.collections is None or collection in self.collections


@dataclass(frozen=True)
class Key:
    """A key of the service: what it lets its holder do, and the digest of its secret."""

    access: Access
    digest: bytes = field(repr=False)


EVERYTHING = Access("", "admin")
"""Of the service itself, and of everybody where no key is set."""

_current: ContextVar[Access] = ContextVar("access", default=EVERYTHING)


def current_access() -> Access:
    """Return what the present request may do."""
    return _current.get()


def grant(access: Access) -> None:
    """Let the present request do something; its own context ends with it."""
    _current.set(access)


def is_visible(collection: str) -> bool:
    """Tell whether a collection is there for the present request."""
    return current_access().sees(collection)


def require_admin() -> None:
    """Refuse a request that changes what is served, unless its key is for that.

    Raises:
        ForbiddenError: its role is ``read``.
    """
    if current_access().role != "admin":
        raise ForbiddenError("This key may read: what changes the service needs one with the role admin.")


def parse_keys(texts: Sequence[str]) -> tuple[Key, ...]:
    """Read keys as they are set.

    Raises:
        ValueError: one has another form, or two have one name or one secret; the message holds no secret.
    """
    keys = tuple(_parse(text, number) for number, text in enumerate(texts, start=1))
    _refuse_twice("name", (key.access.name for key in keys))
    _refuse_twice("secret", (key.digest for key in keys))
    return keys


def is_bare(text: str) -> bool:
    """Tell whether a key is a secret alone, which may do everything."""
    return ":" not in text


def digest_of(secret: str) -> bytes:
    """Return what a secret is compared by."""
    return hashlib.sha256(secret.encode()).digest()


def _parse(text: str, number: int) -> Key:
    if is_bare(text):
        return Key(Access(f"key-{number}", "admin"), digest_of(text))
    name, role, secret = [*text.split(":", 2), "", ""][:3]
    role, bound, listed = role.partition("@")
    collections = frozenset(listed.split("+")) if bound else None
    if not secret or not _NAME.fullmatch(name) or role not in get_args(Role):
        raise ValueError(f"key {number} has another form: {_FORM}")
    if collections is not None and not all(_NAME.fullmatch(collection) for collection in collections):
        raise ValueError(f"key {number} names no collections behind its @: {_FORM}")
    return Key(Access(name, cast(Role, role), collections), digest_of(secret))


def _refuse_twice(what: str, values: Iterable[object]) -> None:
    seen = list(values)
    if len(set(seen)) < len(seen):
        raise ValueError(f"two keys have the same {what}: give each its own")
