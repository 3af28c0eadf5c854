"""Weights are read only when they are the ones that the card names."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from lab.checkpoint import write_checkpoint
from models.backbones.lite_pair import INPUT
from models.cards import read_encoder_card
from models.checkpoint import WEIGHTS, read_weights
from models.errors import CheckpointError, UnknownModelError
from models.library import InstalledModels

_CARD = {"name": "tiny", "description": "d", "architecture": "two_tower", "dimension": 2, "preprocessing": asdict(INPUT), "licence": "MIT", "languages": ["en"]}  # fmt: skip  # noqa: E501


def test_a_round_trip_keeps_matrices_at_half_and_vectors_at_full_precision(tmp_path: Path) -> None:
    tensors = {"m": torch.tensor([[1 / 3]]), "v": torch.tensor([1 / 3]), "n": torch.tensor(7)}
    write_checkpoint(tmp_path, tensors, _CARD)
    card = read_encoder_card(tmp_path)
    assert card.preprocessing == INPUT
    weights = read_weights(tmp_path, card)
    assert weights["m"].dtype == torch.float32
    assert weights["m"].item() == pytest.approx(1 / 3, abs=2e-4)
    assert weights["v"].item() == torch.tensor(1 / 3).item()
    assert weights["n"].item() == 7


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"m": torch.zeros(4, 4)}, _CARD)
    card = read_encoder_card(tmp_path)
    content = bytearray((tmp_path / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        read_weights(tmp_path, card)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match="missing"):
        read_weights(tmp_path, card)


def test_an_unreadable_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=tmp_path.name):
        read_encoder_card(tmp_path)


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(UnknownModelError, match="semblance-base"):
        InstalledModels().encoder("semblance-huge")


def test_a_vocabulary_is_kept_in_steps_of_its_rows_and_everything_else_is_not(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    table = torch.randn(10_000, 8, generator=random) * torch.logspace(-3, 1, 10_000).unsqueeze(1)
    table[5] = 0
    write_checkpoint(tmp_path, {"words": table, "m": torch.randn(9_999, 8, generator=random)}, _CARD)
    weights = read_weights(tmp_path, read_encoder_card(tmp_path))
    assert set(weights) == {"words", "m"}
    steps = table.abs().amax(dim=1, keepdim=True) / 127
    assert ((weights["words"] - table).abs() <= steps * 0.5001 + 1e-9).all()
    assert (tmp_path / WEIGHTS).stat().st_size < 10_000 * (8 + 4) + 9_999 * 8 * 2 + 1000
