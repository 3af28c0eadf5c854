"""The last step: publishes what differs from the current generation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from numpy.typing import NDArray

from indexer.catalog.base import CatalogWriter, text_sha256
from indexer.catalog.opening import is_there
from indexer.errors import DamagedGenerationError, NoGenerationError
from indexer.ingest.encoded_vectors import SIDES, EncodedVectors
from indexer.ingest.plan import Plan
from indexer.ingest.shown_paths import ShownPaths
from indexer.layout import CollectionLayout
from indexer.publish import Content, publish
from indexer.store.manifest import damaged_files, read_manifest, read_pointer
from models.cards import EncoderCard, MatcherCard, ModelIdentity
from models.types import Side


@dataclass(frozen=True)
class Published:
    """What is current now: its number and its counts; ``generation`` is None where nothing had to be published."""

    generation: int | None
    current: int
    images: int
    captions: int


def publish_changes(
    layout: CollectionLayout,
    plan: Plan,
    cards: Sequence[EncoderCard | MatcherCard],
    vectors: EncodedVectors,
    catalog: CatalogWriter,
    created_at: Callable[[], datetime],
    keep: int,
) -> Published:
    """Publish a generation of what the catalog and the vectors hold, unless the current one is sound and the same.

    Args:
        layout: the collection's places.
        plan: of the run.
        cards: of all that rows are kept of: models, the collection's own choice first, then matchers.
        vectors: hold the rows of every image and every caption.
        catalog: its rows are numbered and its state is frozen.
        created_at: tells the time that the generation bears.
        keep: how many generations stay where one is published.

    Raises:
        StorageError: the disk is full or cannot be written; the current generation stays.
    """
    catalog.set_sources(plan.source.roots, plan.caption_files)
    catalog.set_listing_options(plan.options)
    fingerprint = catalog.fingerprint([identity for card in cards for identity in _identities(card)])
    if current := _sound_current(layout, fingerprint):
        return current
    keys: dict[Side, list[bytes]] = {}
    keys["image"], texts = catalog.number_rows(ShownPaths(plan.source))
    keys["text"] = [text_sha256(text) for text in texts]

    def rows(model: str, side: Side) -> Iterable[NDArray[Any]]:
        return vectors.log(model, side).rows(keys[side])

    content = Content(
        images=len(keys["image"]),
        captions=len(texts),
        sha256=fingerprint,
        snapshot=catalog.freeze,
        catalog_name=catalog.frozen_name,
        cards=[card for card in cards if isinstance(card, EncoderCard)],
        rows=rows,
        matchers=[card for card in cards if isinstance(card, MatcherCard)],
    )
    manifest = publish(layout, content, created_at(), keep=keep)
    return Published(manifest.generation, manifest.generation, manifest.images, manifest.captions)


def _identities(card: EncoderCard | MatcherCard) -> list[ModelIdentity]:
    return [card.identity_of(side) for side in SIDES] if isinstance(card, EncoderCard) else [card.identity]


def _sound_current(layout: CollectionLayout, fingerprint: str) -> Published | None:
    """Return the counts of the current generation where it has this content and no damage."""
    try:
        manifest = read_manifest(layout, read_pointer(layout))
    except (NoGenerationError, DamagedGenerationError):
        return None
    if manifest.content_sha256 != fingerprint:
        return None
    folder = layout.generation(manifest.generation)
    if next(damaged_files(folder, manifest), None) or not is_there(layout, folder / manifest.catalog_name):
        return None
    return Published(None, manifest.generation, manifest.images, manifest.captions)
