"""A program indexes as the command does: by a request and a library of models."""

from datetime import UTC, datetime

import pytest
from toy_encoder import ToyEncoder
from toy_library import ToyLibrary

from indexer.collections import collection_contents
from indexer.errors import CollectionNameError
from indexer.indexing import index_collection
from indexer.ingest.request import IndexRequest
from models.errors import InputError
from models.names import DEFAULT_MODEL


class NotingLibrary(ToyLibrary):
    """Notes which models were loaded, and with which matchers."""

    def __init__(self) -> None:
        super().__init__(ToyEncoder)
        self.asked = {}

    def encoder(self, name, *, matchers=()):
        self.asked[name] = list(matchers)
        return super().encoder(name, matchers=matchers)


def test_a_new_collection_gets_the_default_model_and_keeps_what_it_is_given(workshop):
    workshop.paint_all()

    def index(*models: str) -> NotingLibrary:
        library = NotingLibrary()
        index_collection(
            IndexRequest(workshop.data_dir, "toy", (workshop.photos,), models=models, matchers=("none",)), library
        )
        return library

    assert index().asked == {DEFAULT_MODEL: []}
    assert index("a", "b", "a").asked == {"a": [], "b": []}
    assert index().asked == {"a": [], "b": []}
    assert collection_contents(workshop.data_dir, "toy") == (("a", "b"), ())


def test_progress_and_time_are_the_caller_s(workshop):
    workshop.paint_all()
    told, moment = [], datetime(2020, 1, 2, tzinfo=UTC)
    request = IndexRequest(workshop.data_dir, "toy", (str(workshop.photos),), models=("a",))
    index_collection(request, ToyLibrary(), progress=lambda *call: told.append(call), now=lambda: moment)
    assert told[-1] == ("images", 4, 4)
    with workshop.open() as generation:
        assert generation.created_at == moment


def test_what_cannot_be_is_refused_before_a_model_is_loaded(workshop):
    library = NotingLibrary()
    with pytest.raises(CollectionNameError):
        index_collection(IndexRequest(workshop.data_dir, "../up", (workshop.photos,)), library)
    with pytest.raises(InputError, match="add --model semblance-base"):
        index_collection(
            IndexRequest(workshop.data_dir, "toy", (workshop.photos,), models=("toy",), matchers=("late-interaction",)),
            library,
        )
    assert library.asked == {}
    assert not workshop.data_dir.exists()
