"""The collections that a server keeps for one of ours: which are in use, dropping the others, aliases for outsiders."""

from __future__ import annotations

import json
import time
from pathlib import Path

from indexer.identity import VECTORS_IDENTITY, identity_of
from indexer.layout import CollectionLayout
from indexer.store.durable import replace_durably
from indexer.store.manifest import Manifest
from indexer.store.milvus_session import MilvusSession
from indexer.store.milvus_store import SUFFIX, alias_of, named_in, names_begin

_NOTES = "unused-vectors.json"
"""In the indexer's folder: since when nothing names a collection that the server still has, in Unix time."""


def drop_unused(layout: CollectionLayout, server: MilvusSession) -> None:
    """Drop what no generation has named for as long as the setting says, when its last reader has gone."""
    identity = identity_of(layout.root, VECTORS_IDENTITY)
    if identity is None:
        return
    try:
        used = {named_in(path) for path in layout.generations.glob(f"*/*{SUFFIX}")}
    except (OSError, ValueError):
        return  # what is in use is not known: nothing is dropped
    now, notes = time.time(), _read(layout.work / _NOTES)
    unused = {name: notes.get(name, now) for name in server.names(names_begin(identity)) if name not in used}
    for name, since in list(unused.items()):
        if now - since >= server.settings.keep_s:
            server.drop(name)
            del unused[name]
    if unused != notes and layout.work.is_dir():
        replace_durably(layout.work / _NOTES, json.dumps(unused).encode())


def drop_all(root: Path, server: MilvusSession) -> None:
    """Drop all that the server keeps of the collection in a folder."""
    if identity := identity_of(root, VECTORS_IDENTITY):
        for name in server.names(names_begin(identity)):
            server.drop(name)


def point_aliases(layout: CollectionLayout, manifest: Manifest, server: MilvusSession) -> None:
    """Have the aliases of a collection's models and sides name what a generation has."""
    for entry in manifest.vector_sets:
        if entry.index_file and entry.index_file.endswith(SUFFIX):
            name = named_in(layout.generation(manifest.generation) / entry.index_file)
            server.point(alias_of(layout.name, entry.index_file.removesuffix(SUFFIX)), name)


def _read(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
