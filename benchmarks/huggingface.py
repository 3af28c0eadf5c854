"""Measures a CLIP ViT-B/32 of random weights: images and sentences a second, beside transformers' own eager forward.

``python benchmarks/huggingface.py`` makes the checkpoint in a scratch folder, lets OpenVINO in float32, OpenVINO in its
default precision and transformers in float32 take turns on the same threads, and writes
``benchmarks/results/huggingface.csv``: medians of the ratios within a round, and how near each is to a bare matrix
product in its precision. A process that encodes one sentence tells its CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.figures import Figure, format_csv, median_ratio
from benchmarks.provenance import provenance
from models.encoders.huggingface_module import describe, image_graph, load_checkpoint, text_graph
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.inference.graph import Graph
from models.names import HUGGING_FACE
from models.types import Pixels

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "huggingface.csv"
_WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "a", "dog", "on", "the", "beach"]
_BATCH, _SENTENCE = 32, 16
_START = """
import sys, time
from pathlib import Path
from models.inference.execution import Execution
from models.library import InstalledModels
InstalledModels(Execution(), Path(sys.argv[1])).encoder(sys.argv[2]).encode_texts(["a dog on the beach"])
print(time.process_time())
"""


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        folder = save_checkpoint(Path(scratch, "clip-vit-b-32"))
        figures = [*measure(f"{HUGGING_FACE}{folder}", rounds), *_starts(folder, Path(scratch, "cache"))]
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/huggingface.py")), encoding="utf-8")


def save_checkpoint(folder: Path) -> Path:
    """Save CLIP ViT-B/32 with random weights, its image processor, and a tokeniser of a few words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    CLIPModel(CLIPConfig()).eval().save_pretrained(folder)  # its defaults are those of ViT-B/32
    CLIPImageProcessorPil().save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(_WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[CLS]", 1), ("[SEP]", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder


def measure(name: str, rounds: int) -> list[Figure]:
    """Let the three take turns."""
    checkpoint = load_checkpoint(name)
    described = describe(checkpoint)
    model, size = checkpoint.model, described.preprocessing.size
    compiler = Compiler(Execution("openvino", threads=torch.get_num_threads()))
    graphs = {"image": image_graph(model, described), "text": text_graph(model, described)}
    pixels = np.random.default_rng(0).integers(0, 256, (_BATCH, size, size, 3), np.uint8)
    ids = np.random.default_rng(0).integers(4, 1000, (_BATCH, _SENTENCE), np.int64)
    inputs = {"image": (pixels,), "text": (ids, np.ones_like(ids))}
    figures = []
    for side, graph in graphs.items():
        contestants: dict[str, Callable[[], object]] = {
            "transformers eager, float32": _eager(graph.module, inputs[side]),
            "OpenVINO, float32": _compiled(compiler, graph, inputs[side], full_precision=True),
            "OpenVINO, default precision": _compiled(compiler, graph, inputs[side], full_precision=False),
        }
        rates = _rates(contestants, rounds)
        figures += [
            Figure(f"{side}s, {label}", statistics.median(values), "a second", note=f"batches of {_BATCH}")
            for label, values in rates.items()
        ]
        eager, float32, default = rates.values()
        note = "median of rounds in turns, same threads"
        flops = _flops_of_one(graph.module, inputs[side])
        figures += [
            Figure(f"{side}s, {label} over a bare matrix product", statistics.median(values) * flops / bare, "ratio")
            for label, values, bare in zip(rates, rates.values(), _bare_products(), strict=True)
        ]
        figures.append(
            Figure(f"{side}s, float32 over transformers", median_ratio(float32, eager), "ratio", ">= 1.5", note)
        )
        aim = ">= 3" if torch.cpu.get_capabilities().get("avx512_bf16") else ""
        figures.append(Figure(f"{side}s, default over transformers", median_ratio(default, eager), "ratio", aim, note))
    return figures


def _rates(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    for run in contestants.values():
        run()
    rates: dict[str, list[float]] = {label: [] for label in contestants}
    for _ in range(rounds):
        for label, run in contestants.items():
            time.sleep(0.3)  # lets one runtime's idle threads fall asleep before the other is timed
            started = time.perf_counter()
            for _ in range(2):
                run()
            rates[label].append(2 * _BATCH / (time.perf_counter() - started))
    return rates


def _flops_of_one(module: torch.nn.Module, inputs: tuple[Pixels, ...]) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*map(torch.from_numpy, inputs))
    return counter.get_total_flops() / _BATCH


def _bare_products() -> tuple[float, float, float]:
    """Return FLOP/s of torch's matrix products of a layer's shapes: the most that each contestant could reach."""

    def measure(precision: torch.dtype) -> float:
        left, right = torch.randn(1600, 768, dtype=precision), torch.randn(768, 3072, dtype=precision)
        left @ right
        started = time.perf_counter()
        for _ in range(40):
            left @ right
        return 40 * 2 * 1600 * 768 * 3072 / (time.perf_counter() - started)

    float32, bfloat16 = measure(torch.float32), measure(torch.bfloat16)
    return float32, float32, bfloat16


def _eager(module: torch.nn.Module, inputs: tuple[Pixels, ...]) -> Callable[[], object]:
    tensors = [torch.from_numpy(array) for array in inputs]

    def run() -> object:
        with torch.inference_mode():
            return module(*tensors)

    return run


def _compiled(
    compiler: Compiler, graph: Graph, inputs: tuple[Pixels, ...], *, full_precision: bool
) -> Callable[[], object]:
    runner = compiler.runner("benchmark", (), lambda: graph, full_precision=full_precision)
    return lambda: runner(*inputs)


def _starts(folder: Path, cache: Path) -> list[Figure]:
    """Return the CPU seconds until a first sentence is encoded, in processes of their own."""
    command = [sys.executable, "-c", _START, str(cache), f"{HUGGING_FACE}{folder}"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}

    def start() -> float:
        return float(subprocess.check_output(command, cwd=ROOT, env=environment, text=True))

    first = start()
    return [
        Figure("first sentence, nothing converted", first, "CPU s"),
        Figure("first sentence, converted", statistics.median(start() for _ in range(5)), "CPU s", note="median of 5"),
    ]


if __name__ == "__main__":
    main()
