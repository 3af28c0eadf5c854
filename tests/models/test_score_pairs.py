"""Every shipped matcher scores several sentences in one pass as it scores them one by one."""

import numpy as np
import pytest

from models.inference.execution import Execution
from models.library import InstalledModels
from models.shipped import matcher_cards

TEXTS = ["a dog", "", "two dogs run over the beach", "a man with a red hat and a very long beard stands on a hill " * 2]


@pytest.mark.parametrize("name", [card.name for card in matcher_cards()])
def test_sentences_score_together_as_apart(name: str) -> None:
    matcher = InstalledModels(Execution("torch", "cpu")).matcher(name)
    shape = len(TEXTS), 3, *matcher.card.feature_shape
    features = np.random.default_rng(5).normal(scale=0.2, size=shape).astype(np.float16)
    together = matcher.score_pairs(TEXTS, features)
    apart = np.stack([matcher.score(text, own) for text, own in zip(TEXTS, features, strict=True)])
    assert together.dtype == np.float32
    assert np.ptp(apart) > 0.01
    np.testing.assert_allclose(together, apart, atol=0.02)  # some may compute in bfloat16
