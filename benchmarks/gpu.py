"""Measures a GPU: encoding beside the bare forward pass and decoding, agreement with the CPU, memory, FAISS.

``python benchmarks/gpu.py`` ends within four minutes and writes ``benchmarks/results/gpu.csv``. Beside the project it
needs torch 2.11 or newer, numpy, pillow, tokenizers and safetensors; FAISS is measured where it is installed and sees
the GPU. The pictures are the demonstration's. Without a GPU, ``--device cpu`` tries that the program works.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.figures import Figure, format_csv
from benchmarks.provenance import provenance
from models.encoders.two_tower_module import image_graph, load_two_tower
from models.imaging.decode import decode_image
from models.inference.execution import Execution
from models.inference.torch_runtime import TorchRunner
from models.library import InstalledModels
from models.names import DEFAULT_MODEL
from models.protocols import DualEncoder
from models.shipped import encoder_card, weights_folder
from models.types import Pixels

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "gpu.csv"
_BATCHES = (32, 128, 512)
_SENTENCES = ("a dog runs on the beach", "two people sit at a table", "giraffe", "a red bus in a street at night")
_ROWS, _DIMENSION, _LISTS, _QUERIES = 200_000, 768, 1024, 1000


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=int, default=2048, help="of each timing")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    figures = measure(options.device, options.images)
    text = format_csv(figures, {**provenance("python benchmarks/gpu.py"), "device": _name_of(options.device)})
    print(text)
    options.output.write_text(text, encoding="utf-8")


def measure(device: str, images: int) -> list[Figure]:
    """Measure everything."""
    encoder = InstalledModels(Execution("torch", device)).encoder(DEFAULT_MODEL)
    files = sorted((ROOT / "demo" / "photographs").glob("*.jpg"))
    decoded, decode_rate = _decode(encoder, files)
    repeated = np.concatenate([decoded] * (-(-images // len(decoded))))[:images]
    figures = [Figure("decoding alone", decode_rate, "images/s", note=f"{os.cpu_count()} cores")]
    figures += _encode_rates(encoder, repeated, device, decode_rate)
    figures += _agreement(encoder, decoded)
    figures += _out_of_memory(device, decoded)
    return [*figures, *_faiss()]


def _decode(encoder: DualEncoder, files: Sequence[Path]) -> tuple[Pixels, float]:
    """Return the pictures ``(N, S, S, 3)`` and how many a second are read, decoded and scaled on all cores."""

    def decode(path: Path) -> Pixels:
        return encoder.prepare(decode_image(path.read_bytes(), shrink_to=encoder.card.preprocessing.size).pixels)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pictures = np.stack(list(pool.map(decode, files)))
        started = time.perf_counter()
        for _ in pool.map(decode, list(files) * 3):
            pass
        return pictures, 3 * len(files) / (time.perf_counter() - started)


def _encode_rates(encoder: DualEncoder, pictures: Pixels, device: str, decode_rate: float) -> list[Figure]:
    card = encoder.card
    module = image_graph(load_two_tower(encoder_card(DEFAULT_MODEL), weights_folder(DEFAULT_MODEL)), []).module
    runner = TorchRunner(module, device=device)
    figures = []
    for batch in _BATCHES:
        size = min(batch, len(pictures))
        rate = _rate(lambda start, size=size: runner(pictures[start : start + size]), len(pictures), size, device)
        bare = _bare_rate(module, pictures[:size], device, len(pictures))
        figures += [
            Figure(f"encoding, batches of {batch}", rate, "images/s", note="from and to the memory of the CPU"),
            Figure(f"bare forward pass, batches of {batch}", bare, "images/s", note="bfloat16, channels last"),
            Figure(f"encoding over the bare forward pass, batches of {batch}", rate / bare, "ratio"),
        ]
        figures += _captured_rate(module, pictures[:size], device, len(pictures), bare, batch)
    whole = _rate(lambda start: encoder.encode_images(pictures[start : start + 512]), len(pictures), 512, device)
    texts = list(_SENTENCES) * 64
    sentences = _rate(lambda _start: encoder.encode_texts(texts), len(texts), len(texts), device)
    return [
        *figures,
        Figure("encoding as the indexer does", whole, "images/s", note=f"{card.name}"),
        Figure("encoding over decoding", whole / decode_rate, "ratio", note="above 1, decoding limits indexing"),
        Figure("encoding sentences", sentences, "sentences/s"),
        Figure("memory of the GPU", _peak_mb(device), "MB", note=f"peak, batches up to {max(_BATCHES)}"),
    ]


def _rate(run: Callable[[int], object], count: int, size: int, device: str) -> float:
    """Return the median rate of three passes over ``count`` inputs in batches."""
    run(0)
    rates = []
    for _ in range(3):
        _wait(device)
        started = time.perf_counter()
        for start in range(0, count, size):
            run(start)
        _wait(device)
        rates.append(count / (time.perf_counter() - started))
    return statistics.median(rates)


def _on_device(module: nn.Module, pictures: Pixels, device: str) -> tuple[nn.Module, torch.Tensor]:
    return module.to(device, memory_format=torch.channels_last), torch.from_numpy(pictures).to(device)  # type: ignore[call-overload]


def _bare_rate(module: nn.Module, pictures: Pixels, device: str, count: int) -> float:
    """Return the rate of the network alone, its input on the device and its output left there."""
    placed, pixels = _on_device(module, pictures, device)
    with torch.inference_mode(), torch.autocast(device.partition(":")[0], torch.bfloat16):
        return _rate(lambda _start: placed(pixels), count, len(pictures), device)


def _captured_rate(
    module: nn.Module, pictures: Pixels, device: str, count: int, bare: float, batch: int
) -> list[Figure]:
    """Return what a CUDA graph would bring: no launch of single kernels."""
    if not device.startswith("cuda"):
        return []
    placed, pixels = _on_device(module, pictures, device)
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                placed(pixels)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph):
            placed(pixels)
        rate = _rate(lambda _start: graph.replay(), count, len(pictures), device)
    return [Figure(f"a CUDA graph over the bare forward pass, batches of {batch}", rate / bare, "ratio")]


def _agreement(encoder: DualEncoder, pictures: Pixels) -> list[Figure]:
    """Compare with torch on the CPU in float32."""
    reference = InstalledModels(Execution("torch", "cpu")).encoder(DEFAULT_MODEL)
    images = (encoder.encode_images(pictures) * reference.encode_images(pictures)).sum(axis=1)
    texts = (encoder.encode_texts(_SENTENCES) * reference.encode_texts(_SENTENCES)).sum(axis=1)
    return [
        Figure("images, least cosine to the CPU", float(images.min()), "cosine", ">= 0.999", f"{len(pictures)} images"),
        Figure("sentences, least cosine to the CPU", float(texts.min()), "cosine", ">= 0.999"),
    ]


def _out_of_memory(device: str, pictures: Pixels) -> list[Figure]:
    """Give a batch that does not fit, and compare what its halves give with single batches."""
    if not device.startswith("cuda"):
        return []
    module = image_graph(load_two_tower(encoder_card(DEFAULT_MODEL), weights_folder(DEFAULT_MODEL)), []).module
    runner = TorchRunner(module, device=device)
    expected = runner(pictures)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 1.5e9) / total)
    try:
        many = np.concatenate([pictures] * 40)
        got = runner(many)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    first = got[: len(pictures)]
    least = float(((first * expected).sum(axis=1) / np.linalg.norm(first, axis=1)).min())
    note = f"{len(many):,} images in 1.5 GB"
    return [Figure("after running out of memory, least cosine", least, "cosine", ">= 0.999", note)]


def _faiss() -> list[Figure]:
    """Build one index on the CPU and on the GPU, where FAISS has one, and compare time and what is found."""
    try:
        import faiss

        from indexer.store import faiss_gpu, faiss_ivf
    except ImportError as error:
        print(f"FAISS is not measured: {error}; faiss-gpu needs the libraries of CUDA 12")
        return []
    if not faiss_gpu.gpus():
        print(f"FAISS is not measured: version {faiss.__version__} sees no GPU")
        return []
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(2000, _DIMENSION)).astype(np.float32)
    vectors = centres[generator.integers(0, len(centres), _ROWS)]
    vectors += 0.7 * generator.normal(size=vectors.shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = vectors[:_QUERIES]
    seconds, found = [], []
    for build in (faiss_gpu.build_on_gpu, lambda index, fill: (fill(index), index)[1]):
        faiss_ivf.build_on_gpu = build
        started = time.perf_counter()
        index = faiss_ivf.train(vectors, _LISTS, 0)
        seconds.append(time.perf_counter() - started)
        found.append(index.search(queries, 10, params=faiss.SearchParametersIVF(nprobe=64))[1])
    _, exact = faiss.knn(queries, vectors, 10, faiss.METRIC_INNER_PRODUCT)
    recalls = [np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows, exact, strict=True)]) for rows in found]
    return [
        Figure("FAISS, building on the GPU", seconds[0], "s", note=f"{_ROWS:,} rows, {_LISTS} lists"),
        Figure("FAISS, building on the CPU", seconds[1], "s", note="the same"),
        Figure("FAISS, recall at 10 of the index built on the GPU", float(recalls[0]), "share", note="64 probes"),
        Figure("FAISS, recall at 10 of the index built on the CPU", float(recalls[1]), "share", note="64 probes"),
    ]


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _peak_mb(device: str) -> float:
    return torch.cuda.max_memory_allocated() / 1e6 if device.startswith("cuda") else 0.0


def _name_of(device: str) -> str:
    return torch.cuda.get_device_name(0) if device.startswith("cuda") else "CPU"


if __name__ == "__main__":
    main()
