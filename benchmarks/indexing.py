"""Measures indexing: its rate beside what decoding and encoding alone allow, its memory, and both runtimes.

What the command ``semblance index`` calls, ``index_collection``, runs in a process of its own with the model loaded and
warm; each round indexes everything afresh, between two timings of decoding alone and of encoding alone, on all cores.
The peak memory is that process's, loading the model included. OpenVINO, torch and the bare smaller backbone take turns
in another process.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, between, median_ratio
from benchmarks.photographs import Photographs
from indexer.indexing import index_collection
from indexer.ingest.model_choice import NO_MATCHER
from indexer.ingest.request import IndexReport, IndexRequest
from models.imaging.decode import decode_image
from models.inference.batches import IMAGE_BATCH
from models.inference.execution import Execution, available_cores
from models.library import InstalledModels
from models.names import DEFAULT_MODEL
from models.protocols import DualEncoder, ModelLibrary
from models.types import Pixels

DATA_DIR = Path("var/benchmarks")
"""Where the collection is kept that the benchmark of searching asks."""

_PAUSE_S = 0.5  # lets one runtime's idle threads fall asleep before the other is timed


@dataclass(frozen=True)
class _Effort:
    """How often and how long."""

    index_rounds: int
    alone_images: int
    captions: int
    runtime_rounds: int


_FULL = _Effort(index_rounds=2, alone_images=1024, captions=5000, runtime_rounds=5)
_QUICK = _Effort(index_rounds=1, alone_images=64, captions=320, runtime_rounds=1)


@dataclass(frozen=True)
class _Rounds:
    """Of each round the report; around the rounds seconds an image alone, one more than there are rounds.

    The peak is told twice: before the captions and after them.
    """

    reports: list[IndexReport]
    decode_s: list[float]
    encode_s: list[float]
    captions_per_s: float
    peak_bytes: tuple[int, int]


def measure(photographs: Photographs) -> list[Figure]:
    """Measure everything about indexing; leaves the collection in ``DATA_DIR``."""
    effort = _QUICK if photographs.quick else _FULL
    rounds = _in_own_process(_index_rounds, photographs, effort)
    openvino, torch, bare = _in_own_process(_runtime_rounds, photographs.files, effort)
    return [
        *_rate_figures(rounds),
        Figure("captions", rounds.captions_per_s, "captions/s", note=f"a sample of {effort.captions:,}"),
        Figure("OpenVINO, encoding alone", statistics.median(openvino), "images/s"),
        Figure("torch eager fp32, encoding alone", statistics.median(torch), "images/s"),
        Figure("bare EfficientNet-Lite0 at 224, OpenVINO", statistics.median(bare), "images/s"),
        Figure(
            "encoding over bare Lite0", median_ratio(openvino, bare), "ratio", ">= 0.25", "median of rounds in turns"
        ),
        Figure("OpenVINO over torch", median_ratio(openvino, torch), "ratio", ">= 5", "median of rounds in turns"),
        Figure("peak memory of indexing", rounds.peak_bytes[0] / 1e9, "GB", "< 2", "maximum resident set; images"),
        Figure("peak memory with captions", rounds.peak_bytes[1] / 1e9, "GB", "< 2", "the same, after the captions"),
    ]


def _rate_figures(rounds: _Rounds) -> list[Figure]:
    rates = [report.images / report.seconds for report in rounds.reports]
    alone_s = [decode + encode for decode, encode in zip(rounds.decode_s, rounds.encode_s, strict=True)]
    bounds = [1 / seconds for seconds in between(alone_s)]
    count = f"{rounds.reports[0].images:,} images, {len(rates)} rounds"
    return [
        Figure("indexing, end to end", statistics.median(rates), "images/s", note=f"scan to publication; {count}"),
        Figure("decoding alone", statistics.median(rounds.decode_s) * 1e3, "ms an image", note="all cores"),
        Figure("encoding alone", statistics.median(rounds.encode_s) * 1e3, "ms an image", note="all cores"),
        Figure("bound 1 / (decode + encode)", statistics.median(bounds), "images/s"),
        Figure("indexing over its bound", median_ratio(rates, bounds), "ratio", ">= 0.85", "median of rounds"),
    ]


def _index_rounds(photographs: Photographs, effort: _Effort) -> _Rounds:
    library = InstalledModels()
    encoder = library.encoder(DEFAULT_MODEL)
    files = photographs.files[: effort.alone_images]
    prepared = prepared_batch(encoder, files)
    encoder.encode_images(prepared)
    encoder.encode_texts(["warm-up"] * 64)
    reports, decode_s, encode_s = (
        [],
        [decode_alone(encoder, files)],
        [encode_alone(encoder.encode_images, prepared, len(files))],
    )
    for _ in range(effort.index_rounds):
        shutil.rmtree(DATA_DIR / "collections" / photographs.name, ignore_errors=True)
        reports.append(index_collection(_request(DATA_DIR, photographs), library))
        decode_s.append(decode_alone(encoder, files))
        encode_s.append(encode_alone(encoder.encode_images, prepared, len(files)))
    peak_bytes = _peak_bytes()
    captions_per_s = _captions_per_s(photographs, library, effort.captions)
    return _Rounds(reports, decode_s, encode_s, captions_per_s, (peak_bytes, _peak_bytes()))


def _captions_per_s(photographs: Photographs, library: ModelLibrary, count: int) -> float:
    """Return the rate at which captions are encoded and stored, in a copy of the collection: its images are there."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(DATA_DIR, folder, dirs_exist_ok=True)
        captions = Path(folder) / "token.txt"
        captions.write_text("\n".join(photographs.token_lines[:count]), encoding="utf-8")
        return index_collection(_request(Path(folder), photographs, captions), library).captions_per_s or 0.0


def _request(data_dir: Path, photographs: Photographs, captions: Path | None = None) -> IndexRequest:
    """Ask for the default model's vectors alone."""
    return IndexRequest(
        data_dir, photographs.name, photographs.paths, captions, models=(DEFAULT_MODEL,), matchers=(NO_MATCHER,)
    )


def _peak_bytes() -> int:
    """Return the most memory that this process has had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def decode_alone(encoder: DualEncoder, files: Sequence[Path]) -> float:
    """Return seconds an image for reading, decoding and scaling on all cores, nothing kept."""

    def decode(path: Path) -> None:
        encoder.prepare(decode_image(path.read_bytes(), shrink_to=encoder.card.preprocessing.size).pixels)

    started = time.perf_counter()
    with ThreadPoolExecutor(available_cores()) as pool:
        for _ in pool.map(decode, files):
            pass
    return (time.perf_counter() - started) / len(files)


def encode_alone(encode: Callable[[Pixels], object], prepared: Pixels, count: int) -> float:
    """Return seconds an image for encoding ``count`` prepared images on all cores, batched as the indexer does."""
    batches = -(-count // len(prepared))
    started = time.perf_counter()
    for _ in range(batches):
        encode(prepared)
    return (time.perf_counter() - started) / (batches * len(prepared))


def _runtime_rounds(files: Sequence[Path], effort: _Effort) -> tuple[list[float], ...]:
    """Return images/s of OpenVINO, of torch, and of the smaller backbone alone with OpenVINO, in turns."""
    openvino, torch = (
        InstalledModels(Execution(runtime, "auto")).encoder(DEFAULT_MODEL) for runtime in ("openvino", "torch")
    )
    prepared = prepared_batch(openvino, files)
    contestants = (
        (openvino.encode_images, prepared, 256),
        (torch.encode_images, prepared, 64),
        (_bare_lite0(), np.ascontiguousarray(prepared[:, :224, :224]), 512),
    )
    rates: tuple[list[float], ...] = ([], [], [])
    for encode, pixels, _ in contestants:
        encode(pixels)  # warm-up
    for _ in range(effort.runtime_rounds):
        for (encode, pixels, images), of_contestant in zip(contestants, rates, strict=True):
            time.sleep(_PAUSE_S)
            of_contestant.append(1 / encode_alone(encode, pixels, images))
    return rates


def _bare_lite0() -> Callable[[Pixels], object]:
    """Compile the backbone from pixels to its mean-pooled feature map."""
    import torch

    from models.backbones.efficientnet_lite import EfficientNetLite
    from models.inference.compiler import compile_module

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = EfficientNetLite("lite0")

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.backbone(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).mean(dim=(2, 3))  # type: ignore[no-any-return]

    return compile_module(Pooled(), [torch.zeros(2, 224, 224, 3, dtype=torch.uint8)], [(0,)])


def prepared_batch(encoder: DualEncoder, files: Sequence[Path]) -> Pixels:
    """Return one batch ``(32, S, S, 3)``; how long encoding takes does not depend on what the pictures show."""
    return np.stack([encoder.prepare(decode_image(path.read_bytes()).pixels) for path in files[:IMAGE_BATCH]])


def _in_own_process(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function in a fresh process: no other measurement's threads or memory are in it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
