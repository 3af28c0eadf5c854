"""What each kind of query knows of itself."""

from __future__ import annotations

import pytest

from models.errors import QueryError
from service.search.query import CollectionImage, Embedding, ImageFile, Modifier, Page, Query, Sentence, Source

BEACH, PEOPLE = Modifier("beach", 0.5), Modifier("people", -0.5)


@pytest.mark.parametrize(
    ("source", "label", "text", "kind"),
    [
        (Sentence("a dog"), "a dog", "a dog", "text"),
        (ImageFile(b"..."), "image", None, "image"),
        (CollectionImage("ab12"), "image", None, "image"),
        (Embedding((1.0, 2.0)), "embedding", None, "embedding"),
    ],
)
def test_each_source_knows_its_label_its_words_and_its_kind(
    source: Source, label: str, text: str | None, kind: str
) -> None:
    assert (source.label, source.text, source.kind) == (label, text, kind)
    assert source.weight == 1
    assert Query(source).parts == [source]


def test_a_modifier_is_labelled_as_people_write_it() -> None:
    assert (BEACH.label, PEOPLE.label) == ("+beach", "-people")


def test_the_source_comes_before_the_modifiers_and_its_words_too() -> None:
    query = Query(Sentence("a dog"), (BEACH, PEOPLE))
    assert query.parts == [Sentence("a dog"), BEACH, PEOPLE]
    assert query.words == ["a dog", "beach", "people"]
    assert query.image_files == []


def test_only_an_image_file_has_to_be_decoded() -> None:
    assert Query(ImageFile(b"pixels"), (BEACH,)).image_files == [b"pixels"]
    assert Query(ImageFile(b"pixels"), (BEACH,)).words == ["beach"]
    for source in (CollectionImage("ab12"), Embedding((1.0, 2.0))):
        assert Query(source).image_files == Query(source).words == []


def test_modifiers_alone_are_a_query_and_nothing_at_all_is_none() -> None:
    query = Query(None, (BEACH,))
    assert (query.parts, query.words, query.kind) == ([BEACH], ["beach"], "steered-text")
    with pytest.raises(QueryError, match=r"^The query has no source .* and no modifier\.$"):
        Query(None)


def test_modifiers_make_a_query_one_of_their_kind() -> None:
    assert Query(Sentence("a dog")).kind == "text"
    assert Query(CollectionImage("ab12")).kind == "image"
    assert Query(Sentence("a dog"), (BEACH,)).kind == "steered-text"
    for source in (ImageFile(b"pixels"), CollectionImage("ab12"), Embedding((1.0, 2.0))):
        assert Query(source, (BEACH,)).kind == "steered-image"


def test_the_bytes_of_an_image_are_not_printed_but_tell_queries_apart() -> None:
    assert "secret" not in repr(Query(ImageFile(b"secret")))
    assert Query(ImageFile(b"one")) != Query(ImageFile(b"two"))


def test_a_page_ends_behind_its_last_result() -> None:
    assert (Page(10).offset, Page(10).end, Page(10, 25).end) == (0, 10, 35)
