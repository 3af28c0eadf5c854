"""A module gives the same answers in every runtime, from several threads at once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.errors import RuntimeUnavailableError
from models.inference.compiler import Compiler, compile_module
from models.inference.device import resolve_device
from models.inference.execution import Execution
from models.inference.graph import Graph
from models.inference.torch_runtime import TorchRunner


class _Tiny(nn.Module):
    """Pixels to unit vectors, as an image tower does it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 16, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.convolution(pixels.permute(0, 3, 1, 2).float() / 255).relu().mean(dim=(2, 3))
        return nn.functional.normalize(features, dim=-1)


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def _pixels(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)


def _expected(pixels: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return _Tiny()(torch.from_numpy(pixels)).numpy()


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_batches_of_any_size_give_what_torch_gives(runtime: str, count: int) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    run = compile_module(_Tiny(), [torch.zeros(2, 8, 8, 3, dtype=torch.uint8)], [(0,)], Execution(runtime))  # type: ignore[arg-type]
    assert _cosines(run(_pixels(count)), _expected(_pixels(count))).min() > 0.999


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_threads_do_not_disturb_one_another(runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    run = compile_module(
        _Tiny(),
        [torch.zeros(2, 8, 8, 3, dtype=torch.uint8)],
        [(0,)],
        Execution(runtime, threads=1),  # type: ignore[arg-type]
    )
    inputs = [_pixels(16)[i : i + 1] for i in range(16)] * 8
    with ThreadPoolExecutor(4) as pool:
        found = np.concatenate(list(pool.map(run, inputs)))
    np.testing.assert_allclose(found, np.tile(_expected(_pixels(16)), (8, 1)), atol=1e-2)


@pytest.mark.slow
def test_threads_that_begin_at_once_do_not_wait_for_each_other_for_ever() -> None:
    pytest.importorskip("openvino")
    program = Path(__file__).with_name("first_inferences.py")
    for _ in range(4):  # two of three such processes hung before arrays were brought on loading
        subprocess.run([sys.executable, program], check=True, timeout=60)


def test_mixed_precision_and_channels_last_as_on_a_gpu_stay_close() -> None:
    run = TorchRunner(_Tiny(), mixed_precision=True)
    assert _cosines(run(_pixels(4)), _expected(_pixels(4))).min() > 0.999
    assert run(_pixels(4)).dtype == np.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_the_cpu_gives() -> None:
    run = compile_module(_Tiny(), [torch.zeros(2, 8, 8, 3, dtype=torch.uint8)], [(0,)], Execution(device="cuda"))
    assert isinstance(run, TorchRunner)
    assert _cosines(run(_pixels(4)), _expected(_pixels(4))).min() > 0.999


class _SmallMemory(_Tiny):
    """Has room for so many inputs, and remembers the sizes that it was given."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.given = room, []

    def __deepcopy__(self, _memo: object) -> "_SmallMemory":
        return self

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.given.append(len(pixels))
        if len(pixels) > self.room:
            raise torch.OutOfMemoryError("too many")
        return super().forward(pixels)


def test_what_does_not_fit_into_memory_runs_in_halves() -> None:
    module = _SmallMemory(room=3)
    module.load_state_dict(_Tiny().state_dict())
    run, expected = TorchRunner(module), TorchRunner(_Tiny())
    np.testing.assert_allclose(run(_pixels(11)), expected(_pixels(11)), atol=1e-6)
    assert module.given == [11, 5, 2, 3, 6, 3, 3]


def test_one_that_does_not_fit_is_told() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        TorchRunner(_SmallMemory(room=0))(_pixels(2))


def test_the_module_itself_stays_as_it_was() -> None:
    module = _Tiny()
    TorchRunner(module, mixed_precision=True)
    assert module.convolution.weight.is_contiguous()
    assert module.convolution.weight.requires_grad


def test_what_runs_in_its_caller_has_no_other_thread_and_gives_the_same() -> None:
    pytest.importorskip("openvino")
    from models.inference.openvino_runtime import OpenVinoRunner

    def graph() -> Graph:
        return Graph(_Tiny().eval(), [torch.zeros(2, 8, 8, 3, dtype=torch.uint8)], [(0,)])

    compiler = Compiler(Execution("openvino", text_streams=2))
    alone, shared = (each.runner("tiny", (), graph, of_texts=True) for each in (compiler.in_caller(), compiler))
    assert isinstance(alone, OpenVinoRunner)
    assert isinstance(shared, OpenVinoRunner)
    told = [
        [run._compiled.get_property(name) for name in ("NUM_STREAMS", "INFERENCE_NUM_THREADS")]
        for run in (alone, shared)
    ]
    assert told == [[1, 1], [2, 2]]
    np.testing.assert_allclose(alone(_pixels(4)), shared(_pixels(4)), atol=1e-2)


def test_auto_takes_what_there_is_and_a_foreign_device_is_named() -> None:
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu") == "cpu"
    with pytest.raises(RuntimeUnavailableError, match="warp"):
        resolve_device("warp")


def test_openvino_refuses_a_gpu() -> None:
    with pytest.raises(RuntimeUnavailableError, match="cuda"):
        compile_module(_Tiny(), [torch.zeros(1, 8, 8, 3, dtype=torch.uint8)], [(0,)], Execution("openvino", "cuda"))
