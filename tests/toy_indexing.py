"""Indexing with models that a test made itself, whatever ships."""

from collections.abc import Sequence

from toy_library import ToyLibrary

from indexer.ingest.image_pass import plan_passes
from indexer.ingest.pipeline import run_passes
from indexer.ingest.request import IndexReport, IndexRequest
from models.protocols import DualEncoder, FeatureNetwork, FeatureSource


class HeldModels(ToyLibrary):
    """The library of some encoders and of some sources of features."""

    def __init__(self, encoders: Sequence[DualEncoder], sources: Sequence[FeatureSource] = ()) -> None:
        by_name = {encoder.card.name: encoder for encoder in encoders}
        super().__init__(encoder=by_name.__getitem__)
        self.models = list(by_name)
        self._sources = {matchers_of(source): source for source in sources}

    @property
    def matchers(self) -> list[str]:
        return [name for names in self._sources for name in names]

    def feature_sources(self, names: Sequence[str]) -> Sequence[FeatureSource]:
        return [source for given, source in self._sources.items() if set(given) & set(names)]


def matchers_of(source: FeatureSource) -> tuple[str, ...]:
    cards = source.matchers if isinstance(source, FeatureNetwork) else [source.card]
    return tuple(card.name for card in cards)


def index_with(
    request: IndexRequest, encoders: Sequence[DualEncoder], sources: Sequence[FeatureSource] = (), **options
) -> IndexReport:
    """Index with these encoders and these sources of features."""
    library = HeldModels(encoders, sources)
    passes = plan_passes(library.models, library.matchers, library, request.execution)
    return run_passes(request, passes, library, **options)
