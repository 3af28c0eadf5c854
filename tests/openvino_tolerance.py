"""How near OpenVINO has to come to torch: it computes in bfloat16 where the processor can, which rounds to 8 bits."""

import pytest


def openvino_tolerance(float32: float, bfloat16: float) -> float:
    """Return the tolerance for the precision that OpenVINO takes on this processor; skip where it is not installed."""
    openvino = pytest.importorskip("openvino")
    precision = openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT")
    return bfloat16 if precision == openvino.Type.bf16 else float32
