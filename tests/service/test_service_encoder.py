"""Micro-batches: what waits is encoded together, alone nothing waits, and what nobody wants is not encoded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from toy_encoder import ToyEncoder
from toy_library import ToyLibrary

from models.types import Pixels, Vectors
from service.serving.encoder import BatchingEncoder, Encoded, Encoders


def same(encoded: Encoded) -> Encoded:
    """Make nothing else of the vectors."""
    return encoded


class GatedEncoder(ToyEncoder):
    """Encodes one call at a time, when it is let go, and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        self.entered.release()
        assert self.gate.acquire(timeout=20)
        if "broken" in texts:
            raise ValueError("broken")
        return super().encode_texts(texts)


@pytest.fixture
def gated() -> GatedEncoder:
    """The encoder below the batching one."""
    return GatedEncoder()


@pytest.fixture
def batching(gated: GatedEncoder) -> Iterator[BatchingEncoder]:
    """Batches of at most four."""
    with ThreadPoolExecutor(2) as finishing:
        encoder = BatchingEncoder(gated, max_batch=4, finishing=finishing)
        yield encoder
        encoder.close()


async def texts(encoder: BatchingEncoder, *sentences: str) -> Vectors:
    """Encode sentences."""
    return await encoder.encode(sentences, (), lambda encoded: np.stack(encoded.texts))


async def when_busy(
    gated: GatedEncoder, encoder: BatchingEncoder, waiting: Sequence[str]
) -> list[asyncio.Task[Vectors]]:
    """Occupy the worker with ``first``, then queue one request a text."""
    first = asyncio.create_task(texts(encoder, "first"))
    await asyncio.to_thread(gated.entered.acquire)
    tasks = [first, *(asyncio.create_task(texts(encoder, text)) for text in waiting)]
    await asyncio.sleep(0)
    return tasks


def test_what_waits_is_encoded_together_and_comes_back_to_who_asked(gated: GatedEncoder, batching: BatchingEncoder) -> None:  # fmt: skip  # noqa: E501
    async def run() -> list[Vectors]:
        tasks = await when_busy(gated, batching, ["red", "green", "blue"])
        gated.gate.release(2)
        return await asyncio.gather(*tasks)

    _, *vectors = asyncio.run(run())
    assert gated.calls == [["first"], ["red", "green", "blue"]]
    np.testing.assert_array_equal(np.concatenate(vectors), ToyEncoder().encode_texts(["red", "green", "blue"]))


def test_a_batch_is_no_larger_than_its_limit(gated: GatedEncoder, batching: BatchingEncoder) -> None:
    async def run() -> None:
        tasks = await when_busy(gated, batching, "abcdef")
        gated.gate.release(3)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert [len(call) for call in gated.calls] == [1, 4, 2]


def test_what_nobody_waits_for_any_more_is_not_encoded(gated: GatedEncoder, batching: BatchingEncoder) -> None:
    async def run() -> None:
        first, left, stayed = await when_busy(gated, batching, ["left", "stayed"])
        left.cancel()
        await asyncio.sleep(0)
        gated.gate.release(2)
        await asyncio.gather(first, stayed)

    asyncio.run(run())
    assert gated.calls == [["first"], ["stayed"]]


def test_a_failure_reaches_those_who_asked_and_the_worker_goes_on(gated: GatedEncoder, batching: BatchingEncoder) -> None:  # fmt: skip  # noqa: E501
    gated.gate.release(2)

    async def run() -> Vectors:
        with pytest.raises(ValueError, match="broken"):
            await texts(batching, "broken")
        return await texts(batching, "red")

    assert asyncio.run(run()).shape == (1, 4)


def test_words_do_not_wait_for_images_which_come_in_small_batches(gated: GatedEncoder) -> None:
    pixels = np.full((8, 8, 3), (255, 0, 0), dtype=np.uint8)
    sizes: list[int] = []
    entered, gate = threading.Semaphore(0), threading.Semaphore(0)
    encode_images = gated.encode_images

    def held(images: Pixels) -> Vectors:
        sizes.append(len(images))
        entered.release()
        assert gate.acquire(timeout=20)
        return encode_images(images)

    gated.encode_images = held  # type: ignore[method-assign]
    gated.gate.release()

    async def run(encoder: BatchingEncoder) -> None:
        first = asyncio.create_task(encoder.encode((), [pixels], same))
        await asyncio.to_thread(entered.acquire)
        images = [asyncio.create_task(encoder.encode((), [pixels], same)) for _ in range(5)]
        assert (await texts(encoder, "a")).shape == (1, 4)
        gate.release(4)
        await asyncio.gather(first, *images)

    with ThreadPoolExecutor(2) as finishing:
        encoder = BatchingEncoder(gated, max_batch=4, max_images=2, finishing=finishing)
        asyncio.run(run(encoder))
        encoder.close()
    assert sizes == [1, 2, 2, 1]


def test_two_batches_of_words_run_at_one_time(gated: GatedEncoder) -> None:
    async def run(encoder: BatchingEncoder) -> None:
        tasks = [asyncio.create_task(texts(encoder, text)) for text in ("red", "green")]
        for _ in tasks:  # both are begun before either ends
            await asyncio.to_thread(gated.entered.acquire)
        gated.gate.release(2)
        await asyncio.gather(*tasks)

    with ThreadPoolExecutor(2) as finishing:
        encoder = BatchingEncoder(gated, max_batch=1, text_threads=2, finishing=finishing)
        asyncio.run(run(encoder))
        encoder.close()


def test_texts_and_images_may_wait_together() -> None:
    pixels = np.full((8, 8, 3), (255, 0, 0), dtype=np.uint8)

    async def run(encoder: BatchingEncoder) -> tuple[Encoded, Encoded]:
        asked = (encoder.encode(["red", "blue"], [pixels], same), encoder.encode(["green"], (), same))
        return tuple(await asyncio.gather(*asked))

    with ThreadPoolExecutor(1) as finishing:
        encoder = BatchingEncoder(ToyEncoder(), max_batch=8, finishing=finishing)
        both, one = asyncio.run(run(encoder))
        encoder.close()
    np.testing.assert_array_equal(both.texts, ToyEncoder().encode_texts(["red", "blue"]))
    np.testing.assert_allclose(both.images, both.texts[:1], atol=1e-6)
    np.testing.assert_array_equal(one.texts, ToyEncoder().encode_texts(["green"]))
    assert one.images == []


def test_what_is_made_of_the_vectors_is_made_where_nobody_has_to_wait_for_it(gated: GatedEncoder, batching: BatchingEncoder) -> None:  # fmt: skip  # noqa: E501
    def thread(_encoded: Encoded) -> str:
        return threading.current_thread().name

    async def run() -> None:
        gated.gate.release(2)
        assert await batching.encode(["alone"], (), thread) == "encode-toy"
        assert (await batching.encode(["slow"], (), thread, quick=False)).startswith("ThreadPoolExecutor")
        first = asyncio.create_task(batching.encode(["first"], (), thread))
        for _ in ("alone", "slow", "first"):
            await asyncio.to_thread(gated.entered.acquire)
        second = asyncio.create_task(batching.encode(["second"], (), thread))
        await asyncio.sleep(0)
        gated.gate.release(2)
        assert (await first).startswith("ThreadPoolExecutor")
        assert await second == "encode-toy"

    asyncio.run(run())


def test_a_failure_in_what_is_made_of_the_vectors_reaches_who_asked(gated: GatedEncoder, batching: BatchingEncoder) -> None:  # fmt: skip  # noqa: E501
    gated.gate.release(2)

    def fail(_encoded: Encoded) -> None:
        raise ValueError("made wrong")

    async def run() -> Vectors:
        with pytest.raises(ValueError, match="made wrong"):
            await batching.encode(["red"], (), fail)
        return await texts(batching, "red")

    assert asyncio.run(run()).shape == (1, 4)


def test_an_encoder_is_loaded_once_and_warmed_up() -> None:
    loaded = []

    def load(name: str) -> ToyEncoder:
        loaded.append(ToyEncoder(name))
        return loaded[-1]

    with ThreadPoolExecutor(1) as finishing:
        encoders = Encoders(ToyLibrary(load), max_batch=4, finishing=finishing)
        assert encoders.get("toy") is encoders.get("toy")
        assert [encoder.images_encoded for encoder in loaded] == [1]
        encoders.close()
