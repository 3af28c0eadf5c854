"""The training for a GPU, tried on the CPU with a few photographs; it needs few packages where it runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from demo_set import write_training_sets

from lab.data.captioned import DEV_SETS, TRAIN_SETS, load_split
from lab.training import whole_towers
from lab.training.packed import pack
from models.cards import read_encoder_card
from models.checkpoint import read_weights
from models.shipped import encoder_card, weights_folder

NEEDED = {"torch", "numpy", "PIL", "tokenizers", "safetensors"}
OPTIONAL = {"pillow_heif", "pillow_jxl", "rawpy"}
"""Plugins that the project reads pictures with where they are installed."""


def test_it_imports_nothing_that_is_not_on_its_list() -> None:
    code = (
        "import sys, torch, numpy, PIL.Image, tokenizers, safetensors.torch, safetensors.numpy\n"
        "before = set(sys.modules)\n"
        "import lab.training.whole_towers\n"
        "print(' '.join({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    own = {"lab", "models", "indexer", "service"}
    assert {name for name in told.split() if not name.startswith("_")} - own - NEEDED - OPTIONAL <= {"packaging"}


@pytest.mark.slow
def test_it_trains_measures_and_writes_weights_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_towers, "_PART_BYTES", 30_000_000)
    root = write_training_sets(tmp_path / "data")
    pack([load_split(name, root) for name in (*TRAIN_SETS, *DEV_SETS)], tmp_path / "packed.safetensors")
    output = tmp_path / "out"
    options = ["--device", "cpu", "--minutes", "0.05", "--batch", "4", "--limit", "8"]
    whole_towers.main(["train", str(tmp_path / "packed.safetensors"), str(output), *options])
    figures = json.loads((output / "dev.json").read_text())
    assert figures["steps"] >= 1
    measured = figures["after"]["measured"]
    assert figures["before"].keys() == measured["1.0"].keys() == set(DEV_SETS)
    assert str(figures["after"]["share"]) in measured
    parts = sorted(output.glob("weights.safetensors.*"))
    assert [part.suffix for part in parts] == [".00", ".01", ".02"]
    (output / "weights.safetensors").write_bytes(b"".join(part.read_bytes() for part in parts))
    card = read_encoder_card(output)
    after, before = read_weights(output, card), read_weights(weights_folder(card.name), encoder_card(card.name))
    changed = {name.split(".")[1] for name in before if not (after[name] == before[name]).all()}
    assert changed == {"backbones", "head", "bert"}  # not the classifier, nor the names


@pytest.mark.slow
@pytest.mark.parametrize("packed", [True, False])
def test_it_measures_without_dropout_and_noise(packed: bool, tmp_path: Path) -> None:
    photographs = write_training_sets(tmp_path / "data")
    if packed:
        pack([load_split(name, photographs) for name in DEV_SETS], tmp_path / "packed.safetensors")
        photographs = tmp_path / "packed.safetensors"
    run = whole_towers.WholeTowers(photographs, whole_towers.WholeRecipe(), "cpu", limit=None)
    figures = run.measure()
    assert not any(module.training for module in run.towers.modules())
    assert all(one["text_to_image"]["r@1"] == 1 for one in figures.values())  # of four photographs each
