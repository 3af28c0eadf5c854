"""Makes runners of graphs: by OpenVINO on a CPU, converted once and kept, or by torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import RuntimeUnavailableError
from models.inference.device import resolve_device
from models.inference.execution import Execution
from models.inference.graph import Graph
from models.inference.runner import Runner

if TYPE_CHECKING:
    from torch import Tensor, nn

    from models.inference.conversion_cache import ConversionCache


class Compiler:
    """Compiles graphs for one way to run them.

    Args:
        execution: runtime, device and threads; the device ``auto`` takes a GPU where there is one.
        cache: folder of converted models; None keeps none.

    Raises:
        RuntimeUnavailableError: the runtime is not installed, cannot serve the device, or torch cannot use it.
    """

    def __init__(self, execution: Execution = Execution(), cache: Path | None = None) -> None:  # noqa: B008 - immutable
        self.device = resolve_device(execution.device)
        self.threads = execution.threads
        self._openvino_threads = execution.threads
        self._text_streams = execution.text_streams
        self.by_openvino = _chooses_openvino(execution.runtime, self.device)
        self._cache = None if cache is None else _conversion_cache(cache)

    def in_caller(self) -> Compiler:
        """Return a compiler whose graphs run in the thread that calls them, alone and at its priority.

        Torch's threads are the process's, so that graphs which torch runs are run as before.
        """
        compiler = copy(self)
        compiler._openvino_threads, compiler._text_streams = 1, None
        return compiler

    def runner(
        self,
        name: str,
        made_of: Sequence[str],
        build: Callable[[], Graph],
        *,
        full_precision: bool = False,
        of_texts: bool = False,
    ) -> Runner:
        """Return what runs a graph.

        Args:
            name: of the graph, as a part of a file name.
            made_of: the hashes of all weights in it, and whatever else tells it from others of its name.
            build: makes it; not called where a converted model of it is kept.
            full_precision: compute in float32 where bfloat16 would be faster.
            of_texts: its inputs are short texts, see ``Execution.text_streams``.

        Raises:
            CheckpointError: its weights are missing or damaged.
        """
        if not self.by_openvino:
            from models.inference.torch_runtime import TorchRunner

            mixed = False if full_precision else None
            return TorchRunner(build().module, device=self.device, threads=self.threads, mixed_precision=mixed)
        from models.inference.openvino_runtime import OpenVinoRunner, compiled, configuration

        config = configuration(self._openvino_threads, full_precision, self._text_streams if of_texts else None)
        return OpenVinoRunner(compiled(name, made_of, build, config, self._cache))

    def kept(self, name: str, made_of: Sequence[str], make: Callable[[], bytes]) -> bytes:
        """Return bytes that are kept beside converted models, made anew where they are not there.

        Args:
            name: of what they are, as a part of a file name.
            made_of: hashes of what they are made of.
            make: makes them.
        """
        return make() if self._cache is None else self._cache.get_or_make(name, made_of, make)


def _conversion_cache(folder: Path) -> ConversionCache:
    from models.inference.conversion_cache import ConversionCache

    return ConversionCache(folder)


def compile_module(
    module: nn.Module,
    examples: Sequence[Tensor],
    dynamic_axes: Sequence[tuple[int, ...]],
    execution: Execution = Execution(),  # noqa: B008 - it is immutable
) -> Runner:
    """Compile a module that has no name: nothing of it is kept. Arguments are those of ``Graph``."""
    return Compiler(execution).runner("unnamed", (), lambda: Graph(module, examples, dynamic_axes))


def _chooses_openvino(runtime: str, device: str) -> bool:
    """Tell whether OpenVINO is to run the models.

    Raises:
        RuntimeUnavailableError: it was asked for and is not installed, or cannot serve the device.
    """
    installed = find_spec("openvino") is not None
    if runtime == "torch" or (runtime == "auto" and (device != "cpu" or not installed)):
        return False
    if device != "cpu":
        raise RuntimeUnavailableError(f"OpenVINO serves the CPU here, not {device!r}; use the torch runtime")
    if not installed:
        raise RuntimeUnavailableError(
            "OpenVINO is not installed: pip install 'semblance[cpu]' or use the torch runtime"
        )
    return True
