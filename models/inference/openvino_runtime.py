"""Runs a module on the CPU with OpenVINO, converted from torch in memory."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor, nn


class OpenVinoRunner:
    """One compiled model, one inference request a thread (a request is not to be shared between threads).

    Precision is OpenVINO's default: bfloat16 where the processor has instructions for it, else float32.
    """

    def __init__(
        self,
        module: nn.Module,
        examples: Sequence[Tensor],
        dynamic_axes: Sequence[tuple[int, ...]],
        *,
        threads: int | None = None,
    ) -> None:
        model = _convert(module.eval(), tuple(examples))
        shapes = [
            openvino.PartialShape([-1 if axis in dynamic else length for axis, length in enumerate(example.shape)])
            for example, dynamic in zip(examples, dynamic_axes, strict=True)
        ]
        model.reshape(dict(zip(model.inputs, shapes, strict=True)))
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        self._compiled = openvino.Core().compile_model(model, "CPU", config)
        self._requests = threading.local()

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch."""
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._compiled.create_infer_request()
        outputs = request.infer([np.ascontiguousarray(x) for x in inputs], share_inputs=True)
        return np.array(outputs[0], dtype=np.float32)


def _convert(module: nn.Module, examples: tuple[Tensor, ...]) -> Any:
    """Convert by way of a trace.

    ``openvino.convert_model`` would do the same, but runs the module three times more to check the trace, and reports
    every conversion to OpenVINO's makers.
    """
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of every Python number; the caller names the axes that vary
        traced = torch.jit.trace(module, examples, check_trace=False)  # type: ignore[no-untyped-call]
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=examples)  # must outlive the conversion
        return frontend.convert(frontend.load(decoder))
