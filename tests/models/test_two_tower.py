"""The text tower of ``semblance-base``: a word or two goes through one head, a sentence through the other."""

import pytest
import torch
from torch.nn import functional as F

from models.encoders.two_tower_module import LEARNED, TextTower, bareness_of


def _mask(pieces: int) -> torch.Tensor:
    return torch.ones(1, pieces + 2, dtype=torch.int64)  # [CLS] and [SEP]


@pytest.mark.parametrize(("pieces", "bareness"), [(1, 1), (4, 1), (5, 0.5), (6, 0), (30, 0)])
def test_queries_go_over_from_one_head_to_the_other_with_their_length(pieces: int, bareness: float) -> None:
    torch.manual_seed(0)
    tower, mask = TextTower().eval(), _mask(pieces)
    ids = torch.arange(1000, 1000 + mask.shape[1])[None]
    assert bareness_of(mask, 4, 6).item() == bareness
    pooled = tower.pooled(ids, mask)
    of_sentences, of_short = tower.head(pooled), tower.short(pooled)
    expected = F.normalize((1 - bareness) * of_sentences + bareness * of_short, dim=1)
    vector = tower(ids, mask)
    assert vector.norm().item() == pytest.approx(1)
    torch.testing.assert_close(F.normalize(vector[:, :LEARNED], dim=1), expected)
    assert not torch.allclose(of_sentences, of_short)
