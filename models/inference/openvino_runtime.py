"""Runs graphs on the CPU with OpenVINO, from converted and compiled models that are kept."""

from __future__ import annotations

import hashlib
import platform
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import structlog
from numpy.typing import NDArray

from models.inference.conversion_cache import ConversionCache, digest
from models.inference.graph import Graph

log = structlog.get_logger()

_MODEL, _COMPILED = "model.xml", "compiled.blob"
_SOURCES = ("backbones", "captioning", "encoders", "inference", "matchers", "text")
"""The packages of ``models`` whose code says what a graph computes."""

# OpenVINO's binding looks NumPy up at its first array, and lets go of the interpreter's lock while it holds one of its
# own: two threads that bring their first arrays at a time would wait for each other, and with them the whole process,
# for ever. Here only one thread can be.
np.asarray(openvino.Tensor(np.zeros(1, np.float32)).data)


class OpenVinoRunner:
    """One compiled model, one inference request a thread (a request is not to be shared between threads).

    Precision is OpenVINO's default, bfloat16 where the processor has instructions for it and else float32, unless the
    model was compiled otherwise.
    """

    def __init__(self, compiled_model: Any) -> None:
        self._compiled = compiled_model
        self._requests = threading.local()

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch."""
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._compiled.create_infer_request()
        outputs = request.infer([np.ascontiguousarray(x) for x in inputs], share_inputs=True)
        return np.array(outputs[0], dtype=np.float32)


def configuration(threads: int | None, full_precision: bool, streams: int | None) -> dict[str, Any]:
    """Return OpenVINO's settings: one run at a time on all threads, or so many at a time on one thread each.

    Args:
        threads: cap on those of one run at a time.
        full_precision: compute in float32.
        streams: runs at one time; None for the first way.
    """
    config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"} if full_precision else {}
    if streams:
        # Not pinned: the system moves a thread from a processor that others use.
        return {**config, "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams, "ENABLE_CPU_PINNING": False}
    return {**config, "PERFORMANCE_HINT": "LATENCY", **({"INFERENCE_NUM_THREADS": threads} if threads else {})}


def compiled(
    name: str, made_of: Sequence[str], build: Callable[[], Graph], config: dict[str, Any], kept: ConversionCache | None
) -> Any:
    """Return a compiled model: from the cache, or converted and compiled anew, and then kept.

    Two things are kept: the converted model, which any processor can compile, and what this one has compiled of it.
    ``config`` is of ``configuration``, other arguments are those of ``Compiler.runner``.
    """
    if kept is None:
        return _core().compile_model(_converted(build), "CPU", config)
    model_key = digest([name, *made_of, openvino.__version__, _source_digest()])
    blob_key = digest([model_key, sorted(config.items()), _processor()])
    if entry := kept.find(f"{name}.compiled", blob_key):
        try:
            return _core().import_model((entry / _COMPILED).read_bytes(), "CPU", config)
        except (OSError, RuntimeError) as error:  # OpenVINO's word for a blob that it cannot use
            log.warning("compiled model not usable, made again", model=name, reason=str(error)[:200])
    compiled_model = _core().compile_model(_model(name, model_key, build, kept), "CPU", config)
    kept.keep(f"{name}.compiled", blob_key, lambda folder: _export(compiled_model, folder / _COMPILED))
    return compiled_model


def _model(name: str, key: str, build: Callable[[], Graph], kept: ConversionCache) -> Any:
    """Return a converted model, from the cache or converted anew and kept."""
    if entry := kept.find(name, key):
        try:
            return _core().read_model(entry / _MODEL)
        except RuntimeError as error:
            log.warning("converted model not usable, made again", model=name, reason=str(error)[:200])
    model = _converted(build)
    kept.keep(name, key, lambda folder: openvino.save_model(model, folder / _MODEL, compress_to_fp16=False))
    return model


def _converted(build: Callable[[], Graph]) -> Any:
    from models.inference.openvino_conversion import convert

    return convert(build())


def _export(compiled_model: Any, path: Path) -> None:
    path.write_bytes(compiled_model.export_model().getvalue())


@cache
def _core() -> Any:
    return openvino.Core()


@cache
def _source_digest() -> str:
    """Return a digest of the code that graphs are made by: the same weights in other code make another graph."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for file in sorted(file for package in _SOURCES for file in (root / package).glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _processor() -> list[str]:
    """Return what tells processors apart that compile differently."""
    core = _core()
    facts = [platform.machine(), core.get_property("CPU", "FULL_DEVICE_NAME")]
    return [*facts, *sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))]
