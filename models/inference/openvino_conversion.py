"""Converts torch modules to OpenVINO models, in memory."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import openvino
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor, nn

from models.inference.graph import Graph


def convert(graph: Graph) -> Any:
    """Convert a graph by way of a trace or, where it loops, of its source.

    ``openvino.convert_model`` would do the same, but runs the module three times more to check the trace, and reports
    every conversion to OpenVINO's makers.
    """
    module, examples = graph.module.eval(), tuple(graph.examples)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of every Python number; what varies, the caller names
        script = _traced(module, examples) if not graph.has_loop else torch.jit.script(module)
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(script, example_input=examples)  # must outlive the conversion
        model = frontend.convert(frontend.load(decoder))
    for parameter, example in zip(model.get_parameters(), examples, strict=True):
        parameter.set_element_type(openvino.Type(np.dtype(str(example.dtype).removeprefix("torch."))))
    model.validate_nodes_and_infer_types()
    shapes = [
        openvino.PartialShape([-1 if axis in dynamic else length for axis, length in enumerate(example.shape)])
        for example, dynamic in zip(examples, graph.dynamic_axes, strict=True)
    ]
    model.reshape(dict(zip(model.inputs, shapes, strict=True)))
    return model


def _traced(module: nn.Module, examples: tuple[Tensor, ...]) -> Any:
    return torch.jit.trace(module, examples, check_trace=False)  # type: ignore[no-untyped-call]
