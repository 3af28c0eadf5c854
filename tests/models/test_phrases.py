"""Phrases are read wherever they stand."""

import torch

from models.encoders.phrases import PhraseReader

WIDTH, DIMENSION = 12, 8


def _reader() -> PhraseReader:
    torch.manual_seed(0)
    return PhraseReader(WIDTH, DIMENSION).eval()


def test_vectors_are_unit_and_padding_does_not_matter() -> None:
    reader, pieces = _reader(), torch.randn(2, 9, WIDTH)
    mask = torch.tensor([[1] * 5 + [0] * 4, [1] * 3 + [0] * 6])
    padded = reader(pieces, mask)
    torch.testing.assert_close(padded.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(padded[1:], reader(pieces[1:, :3], mask[1:, :3]))
    torch.testing.assert_close(padded[:1], reader(pieces[:1, :5], mask[:1, :5]))


def test_order_is_read_within_three_pieces() -> None:
    reader, pieces = _reader(), torch.randn(1, 6, WIDTH)
    mask = torch.ones(1, 6, dtype=torch.int64)
    assert (reader(pieces, mask) - reader(pieces.flip(1), mask)).abs().max() > 0.01
