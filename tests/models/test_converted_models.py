"""What a CPU serves is converted once, kept, checked before it is read, and never needed to be there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.errors import CheckpointError
from models.inference.compiler import Compiler
from models.inference.conversion_cache import ConversionCache
from models.inference.execution import Execution
from models.inference.graph import Graph

pytest.importorskip("openvino")

INPUT = np.arange(12, dtype=np.float32).reshape(4, 3)


class Builds:
    """Makes a graph of one linear layer and counts how often it is asked to."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.layer, self.count = nn.Linear(3, 2), 0

    def __call__(self) -> Graph:
        self.count += 1
        return Graph(self.layer, [torch.zeros(2, 3)], [(0,)])

    @property
    def expected(self) -> np.ndarray:
        return self.layer(torch.from_numpy(INPUT)).detach().numpy()


@pytest.fixture
def builds() -> Builds:
    return Builds()


@pytest.fixture
def compile_it(tmp_path: Path, builds: Builds) -> Callable[..., np.ndarray]:
    """Compile the layer in the folder ``cache``, and run it."""

    def run(cache: Path = tmp_path / "cache", made_of: str = "a") -> np.ndarray:
        compiler = Compiler(Execution("openvino"), cache)
        return compiler.runner("layer", [made_of], builds, full_precision=True)(INPUT)

    return run


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def test_a_model_is_converted_once(tmp_path: Path, builds: Builds, compile_it: Callable[..., np.ndarray]) -> None:
    for _ in range(3):
        np.testing.assert_allclose(compile_it(), builds.expected, atol=1e-5)
    assert builds.count == 1
    assert [entry.name.rpartition("-")[0] for entry in entries(tmp_path / "cache")] == ["layer", "layer.compiled"]


def test_other_weights_are_another_model(builds: Builds, compile_it: Callable[..., np.ndarray]) -> None:
    compile_it(made_of="a")
    compile_it(made_of="b")
    assert builds.count == 2


def test_without_a_compiled_model_the_converted_one_serves(
    tmp_path: Path, builds: Builds, compile_it: Callable[..., np.ndarray]
) -> None:
    compile_it()
    shutil.rmtree(next(entry for entry in entries(tmp_path / "cache") if ".compiled" in entry.name))
    np.testing.assert_allclose(compile_it(), builds.expected, atol=1e-5)
    assert builds.count == 1
    assert len(entries(tmp_path / "cache")) == 2


def damaged(content: bytes, damage: str) -> bytes:
    changed = bytearray(content)
    if damage == "flip":
        changed[len(changed) // 2] ^= 1
    return bytes(changed[:-1] if damage == "cut" else changed)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "empty digests"])
def test_what_is_damaged_is_made_again(
    tmp_path: Path, builds: Builds, compile_it: Callable[..., np.ndarray], damage: str
) -> None:
    compile_it()
    for file in (tmp_path / "cache").glob("*/*"):
        if file.name == "SHA256":
            file.write_text("" if damage == "empty digests" else file.read_text())
        elif damage == "remove":
            file.unlink()
        else:
            file.write_bytes(damaged(file.read_bytes(), damage))
    np.testing.assert_allclose(compile_it(), builds.expected, atol=1e-5)
    assert builds.count == 2
    compile_it()
    assert builds.count == 2


def test_a_blob_that_openvino_refuses_is_made_again(
    tmp_path: Path, builds: Builds, compile_it: Callable[..., np.ndarray]
) -> None:
    compile_it()
    entry = next(entry for entry in entries(tmp_path / "cache") if ".compiled" in entry.name)
    key = entry.name.rpartition("-")[2]
    ConversionCache(tmp_path / "cache").keep(
        "layer.compiled", key, lambda folder: (folder / "compiled.blob").write_bytes(b"of another version")
    )
    np.testing.assert_allclose(compile_it(), builds.expected, atol=1e-5)
    assert builds.count == 1


def test_a_folder_that_cannot_be_written_is_done_without(
    tmp_path: Path, builds: Builds, compile_it: Callable[..., np.ndarray]
) -> None:
    (tmp_path / "file").write_text("where the folder should be")
    for _ in range(2):
        np.testing.assert_allclose(compile_it(tmp_path / "file" / "cache"), builds.expected, atol=1e-5)
    assert builds.count == 2


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    cache = ConversionCache(tmp_path)

    def fails(folder: Path) -> None:
        (folder / "model.bin").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    cache.keep("layer", "key", fails)
    assert cache.find("layer", "key") is None
    assert list(tmp_path.iterdir()) == []


def test_what_nothing_has_read_for_long_goes(tmp_path: Path) -> None:
    cache = ConversionCache(tmp_path)
    for name in ("old", "read"):
        cache.keep(name, "key", lambda folder: (folder / "file").write_bytes(b"content"))
        os.utime(tmp_path / f"{name}-key" / "SHA256", (0, 0))
    assert cache.find("read", "key") is not None  # reading it counts as use
    cache.keep("new", "key", lambda folder: (folder / "file").write_bytes(b"content"))
    assert [path.name for path in entries(tmp_path)] == ["new-key", "read-key"]


def test_a_damaged_checkpoint_is_told_where_no_converted_model_is_kept(tmp_path: Path) -> None:
    def build() -> Graph:
        raise CheckpointError("the weights are damaged")

    with pytest.raises(CheckpointError, match="damaged"):
        Compiler(Execution("openvino"), tmp_path).runner("layer", ["a"], build)


@pytest.mark.slow
def test_searching_and_scoring_import_neither_torch_nor_transformers_once_converted(tmp_path: Path) -> None:
    """In processes of their own: the first converts, the second must find everything converted."""
    program = """
import sys
import numpy as np
from pathlib import Path
from models.library import InstalledModels
from models.shipped import encoder_cards, matcher_cards
library = InstalledModels(cache=Path(sys.argv[1]))
names = ["semblance-base", "linear-mapping", "limited-text-space", "semantic-vt", "single-network"]
assert set(names) <= {card.name for card in encoder_cards()}
for name in names:
    encoder = library.encoder(name, matchers=["late-interaction"])
    size = encoder.card.preprocessing.size
    encoder.encode_texts(["a dog on the beach"])
    encoder.encode_images(np.full((1, size, size, 3), 99, np.uint8))
for name in ("late-interaction", "lstm-similarity", "mcnn-ensemble", "caption-baseline"):
    matcher = library.matcher(name)
    matcher.score("a dog", np.zeros((2, *matcher.card.feature_shape), np.float16))
(network,) = library.feature_sources(["lstm-similarity", "mcnn-word"])
network.encode_features(np.zeros((1, 260, 260, 3), np.uint8))
print("torch" in sys.modules, "transformers" in sys.modules)
"""
    root = Path(__file__).parents[2]
    told = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, cwd=root
        ).stdout.split()
        for _ in range(2)
    ]
    assert told == [["True", "False"], ["False", "False"]]
