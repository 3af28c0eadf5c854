"""The bodies, parameters and answers of the HTTP interface; a request with a field that is not here is refused.

Answers are dictionaries: a search has some thirty, and making a model of each would take as long as finding the images.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from indexer.catalog.base import BrowseOrder
from models.protocols import DecoderName
from service.errors import Problem
from service.search.confidence import Strength
from service.search.notices import Code

Target = Literal["image", "text"]

MAX_DIMENSION = 4096
MAX_LISTED = 64
"""No list of words is longer, whatever the settings allow, and no object has more fields."""


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _refuse_truth(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("number_type", "Input should be a number, and neither true nor false")
    return value


_Name = Annotated[str, Field(max_length=64)]
_LongName = Annotated[str, Field(max_length=300)]  # hf: and a folder
_Id = Annotated[str, Field(max_length=64)]

CollectionName = Annotated[
    _Name | None,
    BeforeValidator(_empty_is_none),
    Field(description="may be left out where there is only one, or a default"),
]
ModelName = Annotated[
    _LongName | None,
    BeforeValidator(_empty_is_none),
    Field(description="a model that the collection holds vectors of; by default its first, or the service's choice"),
]
RerankName = Annotated[
    _Name | None,
    BeforeValidator(_empty_is_none),
    Field(description="a matcher of the collection that re-ranks the best images for a sentence, or none"),
]
CaptionerName = Annotated[
    _Name | None,
    BeforeValidator(_empty_is_none),
    Field(description="the model that writes the caption; by default the service's choice"),
]
Count = Annotated[int, BeforeValidator(_refuse_truth)]
MinConfidence = Annotated[
    Annotated[float, Field(ge=0, le=1)] | None,
    BeforeValidator(_refuse_truth),
    Field(description="leave out results of less confidence, and those that have none"),
]
Modifiers = Annotated[
    list[str],
    Field(
        description="signed words: +beach adds, -people takes away; no sign adds",
        examples=[["+beach", "-people"]],
        max_length=MAX_LISTED,
        fail_fast=True,
    ),
]
Vector = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False, strict=True)]] | None,
    Field(description="a vector of the collection's model", max_length=MAX_DIMENSION, fail_fast=True),
]

Cursor = Annotated[
    str | None, Field(max_length=200, description="the `next_cursor` of the page before, in place of `offset`")
]


Negation = Annotated[
    Literal["on", "off"],
    Field(description="take what the sentence says is absent (without people, no cars) as subtracted words"),
]


Correct = Annotated[
    Literal["on", "off"],
    Field(description="read a word in which one letter is wrong as the word of captions that it is nearest to"),
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _bound_fields(cls, data: object) -> object:
        """Refuse what would make an error of each of thousands of unknown fields."""
        if isinstance(data, dict) and len(data) > MAX_LISTED:
            raise PydanticCustomError("too_many_fields", f"An object has at most {MAX_LISTED} fields")
        return data


class TextSearch(_Request):
    """The body of ``POST /search/text``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "a dog on grass", "modifiers": ["-people"]}]})

    query: str = Field("", description="a sentence; signed words in it steer: mountain +snow -castle")
    k: Count = Field(10, description="number of results", ge=1)
    collection: CollectionName = None
    modifiers: Modifiers = []
    target: Target = Field("image", description="what to find: images, or captions")
    offset: Count = Field(0, description="results to pass over: the `next` of the page before", ge=0)
    model: ModelName = None
    rerank: RerankName = None
    min_confidence: MinConfidence = None
    cursor: Cursor = None
    negation: Negation = "on"
    correct: Correct = "on"


class ImageSearchParameters(_Request):
    """The parameters of ``POST /search/image``."""

    k: Count = Field(10, description="number of results", ge=1)
    collection: CollectionName = None
    modifier: Modifiers = []
    target: Target = Field("image", description="what to find: images, or captions")
    offset: Count = Field(0, description="results to pass over: the `next` of the page before", ge=0)
    model: ModelName = None
    rerank: RerankName = None
    min_confidence: MinConfidence = None
    cursor: Cursor = None
    generate: bool = Field(False, description="write a caption of the image, too; with target=text")
    captioner: CaptionerName = None
    decoder: DecoderName = Field(
        "beam", description="how the caption is found: the best of a beam search, the best word each time, or drawn"
    )
    temperature: float = Field(
        1.0,
        description="of `sample`: 1 draws from the model's own distribution, less keeps to probable words",
        ge=0.05,
        le=5,
        allow_inf_nan=False,
    )
    seed: int = Field(0, description="of `sample`: the same seed draws the same caption", ge=0, lt=2**32)


class ImageSource(_Request):
    """The JSON body of ``POST /search/image``: exactly one of these."""

    id: _Id | None = Field(None, description="an image of the collection")
    image_b64: str | None = Field(None, description="an image file, in Base64")
    url: Annotated[str, Field(max_length=2048)] | None = Field(
        None, description="a public address of an image, where the service allows it"
    )
    embedding: Vector = None


class BatchedSearch(TextSearch):
    """One search of ``POST /search/batch``: by a sentence, by an image of the collection or by a vector."""

    id: _Id | None = Field(None, description="an image of the collection")
    embedding: Vector = None


class Batch(_Request):
    """The body of ``POST /search/batch``."""

    searches: list[BatchedSearch] = Field(min_length=1, max_length=64, fail_fast=True)


class Texts(_Request):
    """The JSON body of ``POST /embed``."""

    texts: list[str] = Field(min_length=1, max_length=64, fail_fast=True)


class EmbedParameters(_Request):
    """The parameters of ``POST /embed``: whose model it is."""

    collection: CollectionName = None
    model: ModelName = None


class ExplainParameters(_Request):
    """The parameters of ``GET /explain`` and the fields of ``POST /explain``."""

    image_id: _Id = Field(description="the result whose score is explained: an image, or with target=text a caption")
    target: Target = Field("image", description="what was searched for: images, or captions")
    collection: CollectionName = None
    query: str | None = Field(None, description="the sentence that was searched for")
    modifier: Modifiers = []
    query_image_id: Annotated[_Id | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="the image of the collection that was searched for"
    )
    negation: Negation = "on"
    correct: Correct = "on"
    model: ModelName = None
    rerank: RerankName = None
    method: Annotated[_Name | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="how the map is made; the model's first one where none is named"
    )
    format: Literal["json", "png"] = "json"


class BrowseParameters(_Request):
    """The parameters of ``GET /images``."""

    collection: CollectionName = None
    sort: BrowseOrder = Field(
        "taken", description="the newest first, by when it was taken or first indexed; or by name. No date comes last"
    )
    k: Count = Field(10, description="number of results", ge=1)
    cursor: Annotated[str | None, Field(max_length=200, description="the `next_cursor` of the page before")] = None


class ModifierEcho(TypedDict):
    """A modifier as it was understood."""

    text: str
    weight: float
    source: Annotated[
        str | None, Field(description="the words of the sentence that say so: without people; null for signed words")
    ]


class CorrectionEcho(TypedDict):
    """A query of which a word was corrected."""

    written: str
    read: str


class QueryEcho(TypedDict):
    """The query as it was understood."""

    text: str | None
    image_id: str | None
    modifiers: list[ModifierEcho]
    corrected: Annotated[
        CorrectionEcho | None,
        Field(description="a query in which a word was corrected; null where none was"),
    ]


class Contribution(TypedDict):
    """What one term of the query adds to the score; they sum to it."""

    term: str
    value: float


class ImageMetadata(TypedDict):
    """What is known of a photograph."""

    name: str
    width: int
    height: int
    format: str
    taken_at: Annotated[datetime | None, Field(description="by the camera's clock, which knows no time zone")]
    camera: str | None
    modified_at: Annotated[datetime | None, Field(description="when the file was changed")]
    added_at: Annotated[datetime | None, Field(description="when the image was first indexed")]
    orientation: Annotated[str | None, Field(description="landscape, portrait or square, upright")]
    lens: str | None
    iso: int | None
    latitude: Annotated[float | None, Field(description="degrees, north of 0")]
    longitude: Annotated[float | None, Field(description="degrees, east of 0")]
    tags: Annotated[list[str], Field(description="keywords that the file holds")]
    title: str | None
    remark: Annotated[str | None, Field(description="what was wrong with a file that could be read all the same")]


ImagePath = Annotated[str, Field(description="of the file, relative to the folder that was indexed")]


StrengthOfMatch = Annotated[
    Strength,
    Field(description="of the confidence: from 0.7, from 0.3, below; without one, of the score beside a reference set"),
]


class Result(TypedDict):
    """One result; its id is the image's, or the caption's where captions are searched."""

    id: str
    rank: int
    score: float
    confidence: Annotated[
        float | None,
        Field(
            description="how likely a person would say that it shows what was asked; null where it is not calibrated"
        ),
    ]
    strength: StrengthOfMatch
    caption: str | None
    image_id: str
    path: ImagePath
    thumbnail_url: str
    metadata: ImageMetadata
    contributions: list[Contribution]


class GeneratedWord(TypedDict):
    """A word of a generated caption."""

    word: str
    attention: Annotated[
        list[list[float]] | None,
        Field(
            description="where the model looked for it: rows over the squared image, of sum 1; null without attention"
        ),
    ]


class GeneratedText(TypedDict):
    """A caption that a model wrote."""

    text: str
    model: str
    decoder: DecoderName
    log_probability: Annotated[
        float, Field(description="natural logarithm of the sentence's probability under the model")
    ]
    words: list[GeneratedWord]
    region: Annotated[
        tuple[float, float, float, float],
        Field(description="what the model saw of the image: left, top, right, bottom, as fractions"),
    ]


class CollectionUsed(TypedDict):
    """The generation that answered."""

    name: str
    generation: int
    model: str
    index: str
    exact: bool


class Milliseconds(TypedDict):
    """Where the time went."""

    encode: float
    search: float
    rerank: float
    hydrate: float
    generate: float
    total: float


class NoticeAnswer(TypedDict):
    """What the person who searches should know."""

    code: Code
    text: str


class SearchResults(TypedDict):
    """A page of results, best first."""

    query: QueryEcho
    generated: Annotated[
        list[GeneratedText], Field(description="captions written for the image, where they were asked for")
    ]
    results: list[Result]
    collection: CollectionUsed
    took_ms: Milliseconds
    next: Annotated[
        int | None, Field(description="the offset of the next page; null on the last, and beyond the largest offset")
    ]
    next_cursor: Annotated[
        str | None, Field(description="the cursor of the next page, to the last result; null there, or re-ranked")
    ]
    total: Annotated[int, Field(description="how many results there are")]
    warnings: Annotated[list[str], Field(description="the texts of `notices`")]
    notices: list[NoticeAnswer]


class BatchAnswer(TypedDict):
    """The answers of a batch, in its order; each is what the search alone would have got, an error included."""

    answers: list[SearchResults | Problem]


class Embeddings(TypedDict):
    """Unit vectors, whose inner products are the scores of searches."""

    model: str
    dimension: int
    vectors: list[list[float]]


class HeatMap(TypedDict):
    """Where the score comes from: ``values`` in 0..1, over ``region`` (left, top, right, bottom as fractions)."""

    rows: int
    columns: int
    values: list[list[float]]
    region: tuple[float, float, float, float]


class PlaceMap(TypedDict):
    """What each place adds to the score: positive for the query, negative against it, over ``region`` of the image."""

    term: Annotated[str | None, Field(description="of which it is the map; null for that of the whole query")]
    image: Literal["result", "query"]
    rows: int
    columns: int
    values: list[list[float]]
    region: tuple[float, float, float, float]


class Word(TypedDict):
    """What one word adds: the score less the score without it; ``start`` and ``end`` are offsets in the term."""

    word: str
    start: int
    end: int
    value: float
    map: Annotated[list[list[float]] | None, Field(description="what it adds at each place, where the method tells")]


class TermWords(TypedDict):
    """The words of one term, of a found caption, or of the matcher; ``together`` is what none of them has alone."""

    term: str
    of: Annotated[
        Literal["query", "result"],
        Field(description="whose they are: the query's, with maps on the result, or a caption's, on the query's image"),
    ]
    words: list[Word]
    together: float


class BrowsedImage(TypedDict):
    """An image of a collection, or a caption of one, in the form of a search's result."""

    id: str
    caption: str | None
    image_id: str
    path: ImagePath
    thumbnail_url: str
    metadata: ImageMetadata


class ExplanationAnswer(TypedDict):
    """Why an image, or a caption, has its score."""

    image_id: str
    target: Target
    found: Annotated[BrowsedImage, Field(description="the result that is explained, as a search tells it")]
    collection: CollectionUsed
    query: QueryEcho
    method: str
    methods: Annotated[list[str], Field(description="all that fit the model and the query, the default first")]
    score: float
    confidence: Annotated[float | None, Field(description="as in the search's answer")]
    strength: StrengthOfMatch
    contributions: list[Contribution]
    heat_map: Annotated[HeatMap | None, Field(description="null where words found a caption")]
    maps: list[PlaceMap]
    scale: Annotated[float, Field(description="the value that is painted at full strength, in units of the score")]
    baseline: Annotated[
        float | None, Field(description="the score of a mean picture, from which the map leads; null without one")
    ]
    unplaced: Annotated[float, Field(description="what a matcher adds that tells no places; it is in no map")]
    sum_error: Annotated[float | None, Field(description="score - unplaced - baseline - the sum of the map")]
    unrelated: Annotated[bool, Field(description="nothing in the picture speaks for the query")]
    faithfulness: Annotated[
        dict[str, dict[str, float]] | None,
        Field(description="of the method, measured, by the set of photographs; null where it was not measured"),
    ]
    words: list[TermWords]
    overlay_url: Annotated[
        str | None,
        Field(description="the painted photograph; null where the address cannot hold the query"),
    ]
    took_ms: float


class ModelAnswer(TypedDict):
    """A model that can answer, and the methods that explain its scores, the default first."""

    name: str
    dimension: int
    explain_methods: list[str]


class MatcherAnswer(TypedDict):
    """A matcher that can re-rank, and the model whose results it re-ranks."""

    name: str
    model: str


class IndexAnswer(TypedDict):
    """How a collection's images are indexed."""

    kind: str
    exact: bool
    recall_at_10: float


class CollectionAnswer(TypedDict):
    """A collection in service."""

    name: str
    generation: int
    images: int
    captions: int
    created_at: datetime
    models: list[ModelAnswer]
    matchers: list[MatcherAnswer]
    index: IndexAnswer
    model: Annotated[str, Field(description="the model that answers by default")]


class CollectionsAnswer(TypedDict):
    """All collections in service."""

    collections: list[CollectionAnswer]
    default: Annotated[str | None, Field(description="which one answers where none is named")]


class BrowsedImages(TypedDict):
    """A page of a collection's images, whatever they show."""

    results: list[BrowsedImage]
    collection: CollectionUsed
    next_cursor: Annotated[str | None, Field(description="the cursor of the next page; null on the last")]
    total: Annotated[int, Field(description="how many images there are")]


class ImageAnswer(TypedDict):
    """The catalog's entry of an image."""

    id: str
    path: ImagePath
    metadata: ImageMetadata
    captions: list[str]
    thumbnail_url: str
    file_url: str


class Status(TypedDict):
    """The service's own state."""

    status: str
