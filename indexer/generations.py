"""The generations that a collection keeps: listing them, and going back to an earlier one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from indexer.collections import collection_dir, locked
from indexer.errors import AccessDeniedError, DamagedGenerationError, EngineAwayError, GenerationChoiceError
from indexer.layout import CollectionLayout
from indexer.publish import current_number, generation_numbers, point_at
from indexer.store.durable import clear_storage_errors
from indexer.store.generation import open_unpublished
from indexer.store.manifest import MANIFEST_NAME, Manifest, damaged_files
from indexer.store.soundness import unsoundness
from indexer.store.vector_engine import point_aliases


@dataclass(frozen=True)
class KeptGeneration:
    """One generation at a glance.

    Attributes:
        number: of the generation.
        current: whether readers get it.
        images: number of images.
        captions: number of distinct captions.
        models: that encoded it, its own choice first.
        bytes: of its files, as its manifest says.
        created_at: when it was published, UTC; None where its manifest cannot be read.
        problem: why it cannot be gone back to, as far as its manifest tells, or None.
    """

    number: int
    current: bool
    images: int = 0
    captions: int = 0
    models: tuple[str, ...] = ()
    bytes: int = 0
    created_at: datetime | None = None
    problem: str | None = None


def list_generations(data_dir: Path, name: str) -> list[KeptGeneration]:
    """Return a collection's generations, the newest first, from manifests alone (files are not hashed).

    Raises:
        CollectionNotFoundError: there is no collection of that name.
        AccessDeniedError: this user may not read it.
    """
    layout = CollectionLayout(collection_dir(data_dir, name))
    with clear_storage_errors(layout.root):
        current = current_number(layout)
        return [_summary(layout, number, current) for number in generation_numbers(layout)]


def roll_back(data_dir: Path, name: str, number: int | None = None) -> Manifest:
    """Make an earlier generation the current one, once every byte and row of it has been checked.

    The generations after it stay until new ones take their places; the next index run publishes anew.

    Args:
        data_dir: where collections are kept.
        name: of the collection.
        number: of the generation; by default that before the current one.

    Raises:
        CollectionNotFoundError: there is no collection of that name.
        GenerationChoiceError: there is no such generation, or it is damaged.
        CollectionBusyError: the collection is being indexed.
        StorageError: the disk cannot be written; the current generation stays.
    """
    layout = CollectionLayout(collection_dir(data_dir, name))
    with clear_storage_errors(layout.root), locked(layout):
        chosen = _chosen(layout, number)
        manifest, content = _checked(layout, chosen)
        point_at(layout, chosen, content)
        with suppress(EngineAwayError):  # an alias is for outsiders
            point_aliases(layout)
    return manifest


def _summary(layout: CollectionLayout, number: int, current: int | None) -> KeptGeneration:
    try:
        manifest, _ = _read(layout, number)
    except (DamagedGenerationError, AccessDeniedError) as error:
        return KeptGeneration(number, number == current, problem=str(error))
    return KeptGeneration(
        number=number,
        current=number == current,
        images=manifest.images,
        captions=manifest.captions,
        models=tuple(dict.fromkeys(entry.model for entry in manifest.vector_sets)),
        bytes=sum(entry.bytes for entry in manifest.files),
        created_at=manifest.created_at,
    )


def _chosen(layout: CollectionLayout, number: int | None) -> int:
    kept, current = generation_numbers(layout), current_number(layout)
    if number is None:
        number = next((earlier for earlier in kept if current is None or earlier < current), None)
        if number is None:
            raise GenerationChoiceError(f"collection {layout.name!r} has no generation before the current one")
    if number not in kept:
        there_are = ", ".join(map(str, kept)) or "none"
        raise GenerationChoiceError(f"collection {layout.name!r} keeps no generation {number}; there are: {there_are}")
    return number


def _checked(layout: CollectionLayout, number: int) -> tuple[Manifest, bytes]:
    """Return the manifest of a sound generation, and its bytes."""
    folder = layout.generation(number)
    try:
        manifest, content = _read(layout, number)
        for damage in damaged_files(folder, manifest):
            raise damage
        with open_unpublished(folder, manifest, layout) as generation:
            reason = unsoundness(generation)
    except DamagedGenerationError as error:
        reason = f"{error.path.name} {error.reason}"
    if reason:
        raise GenerationChoiceError(
            f"generation {number} of {layout.name!r} is damaged ({reason}): choose another, see semblance generations "
            f"{layout.name}"
        )
    return manifest, content


def _read(layout: CollectionLayout, number: int) -> tuple[Manifest, bytes]:
    path = layout.generation(number) / MANIFEST_NAME
    try:
        content = path.read_bytes()
        manifest = Manifest.model_validate_json(content)
    except PermissionError:
        raise AccessDeniedError(path) from None
    except OSError as error:
        raise DamagedGenerationError(path, f"cannot be read ({error.strerror})") from None
    except ValidationError:
        raise DamagedGenerationError(path, "has a form that this version of Semblance does not know") from None
    if manifest.generation != number:
        raise DamagedGenerationError(path, f"is that of generation {manifest.generation}")
    return manifest, content
