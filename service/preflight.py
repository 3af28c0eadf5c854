"""What can be wrong with the settings is told before anything is loaded."""

from __future__ import annotations

from indexer.catalog.opening import check_url
from indexer.collections import collection_names
from indexer.errors import CollectionNotFoundError, SourceError
from models.names import HUGGING_FACE
from models.shipped import captioner_card, encoder_card, matcher_card
from service.search.rerank import NO_MATCHER
from service.settings import Settings


def check_before_serving(settings: Settings, *, data_dir_given: bool) -> None:
    """Check the names and the folder of the settings.

    Args:
        settings: of the service.
        data_dir_given: the folder was named for this very run; one that does not exist is then a mistake, and not a
            service that waits for its first collection.

    Raises:
        SourceError: there is no such folder.
        CatalogUrlError: the URL of the catalogs' database is none.
        CollectionNotFoundError: the default collection does not exist.
        UnknownModelError: no model, matcher or captioner of that name ships.
    """
    if data_dir_given and not settings.data_dir.is_dir():
        raise SourceError(
            f"{settings.data_dir.resolve()} does not exist: make it with semblance index, or see --data-dir"
        )
    check_url()
    names = collection_names(settings.data_dir)
    if settings.default_collection is not None and settings.default_collection not in names:
        raise CollectionNotFoundError(settings.default_collection, names)
    if settings.model is not None and not settings.model.startswith(HUGGING_FACE):
        encoder_card(settings.model)
    if settings.rerank != NO_MATCHER:
        matcher_card(settings.rerank)
    captioner_card(settings.captioner)
