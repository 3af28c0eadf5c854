"""Thumbnails are kept up to a number of bytes, the most recently used ones first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from colour_collection import COLOURS
from toy_library import ToyLibrary

from models.imaging.decode_pool import DecoderPool, Decoding
from models.imaging.limits import DecodeLimits
from service.serving.admission import Admission
from service.serving.encoder import Encoders
from service.serving.generations import Generations
from service.serving.matchers import Matchers
from service.serving.thumbnails import Thumbnails

Get = Callable[[str], bytes]


class CountingDecoder(DecoderPool):
    """The real decoder, which counts what it decodes."""

    def __init__(self) -> None:
        super().__init__(1, DecodeLimits(10_000))
        self.decoded = 0

    def submit(self, content: bytes, *, shrink_to: int | None = None) -> Decoding:
        self.decoded += 1
        return super().submit(content, shrink_to=shrink_to)


@pytest.fixture
def decoder() -> Iterator[CountingDecoder]:
    with CountingDecoder() as decoder:
        yield decoder


@pytest.fixture
def keep(published: tuple[Path, Path], decoder: CountingDecoder) -> Iterator[Callable[[int], Get]]:
    """Make a function from a colour to its thumbnail, which keeps a number of bytes."""
    with ExitStack() as stack:
        encoders = Encoders(ToyLibrary(), max_batch=8, finishing=ThreadPoolExecutor(1))
        stack.callback(encoders.close)
        generations = Generations(published[0], encoders.get, Matchers(ToyLibrary()))
        stack.callback(generations.close)
        generations.load_all()
        serving = stack.enter_context(generations.pin("colours"))
        images = serving.generation.catalog.images_at(range(len(COLOURS)))
        ids = {image.name.partition(".")[0]: image.id for image in images}

        def start(cache_bytes: int) -> Get:
            admission = Admission("thumbnails", 4)
            thumbnails = Thumbnails(admission, threads=1, side_px=16, decoder=decoder, cache_bytes=cache_bytes)
            stack.callback(thumbnails.close)
            return lambda colour: asyncio.run(thumbnails.get(serving, ids[colour]))

        yield start


def test_a_thumbnail_that_is_kept_is_not_made_again(keep: Callable[[int], Get], decoder: CountingDecoder) -> None:
    get = keep(10_000)
    first = [get("red"), get("green")]
    assert decoder.decoded == 2
    assert [get("red"), get("green")] == first
    assert decoder.decoded == 2


def test_the_longest_unused_one_makes_room(keep: Callable[[int], Get], decoder: CountingDecoder) -> None:
    sizes = [len(keep(0)(colour)) for colour in ("red", "green", "blue")]
    get = keep(sum(sizes) - 1)
    for colour in ("red", "green", "red", "blue"):  # green is what has not been used for the longest time
        get(colour)
    decoder.decoded = 0
    for colour in ("blue", "red"):
        get(colour)
    assert decoder.decoded == 0
    get("green")
    assert decoder.decoded == 1


def test_one_that_is_larger_than_all_the_memory_is_made_each_time_and_drops_no_other(
    keep: Callable[[int], Get], decoder: CountingDecoder
) -> None:
    sizes = {colour: len(keep(0)(colour)) for colour in COLOURS}
    small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    assert sizes[small] < sizes[large]
    get = keep(sizes[small])
    decoder.decoded = 0
    for colour in (small, large, large, small):
        assert len(get(colour)) == sizes[colour]
    assert decoder.decoded == 3
