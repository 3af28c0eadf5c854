"""The colours of words start as the principal components of their vectors, and what ships is what is drawn."""

import numpy as np
import pytest
import torch

from lab.training.word_colours import WordColours
from models.text.text_image import BLANK
from models.text.vocabulary import RESERVED


def test_first_values_by_hand() -> None:
    # two components of four words: (±3, 0) and (0, ±1), in a basis turned by 45 degrees; their deviation is sqrt(20/7)
    turned = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5
    components = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    vectors = torch.cat([torch.zeros(RESERVED, 2), components @ turned + torch.tensor([5.0, 7.0])])
    got = WordColours(vectors, 2).pixel_values().astype(int) - BLANK
    assert (got[:RESERVED] == 0).all()
    large, small = (round(127 * np.tanh(length / (3 * (20 / 7) ** 0.5))) for length in (3, 1))
    first, second = got[RESERVED:].T
    assert sorted(first) == [-large, 0, 0, large]
    assert sorted(second) == [-small, 0, 0, small]
    assert first[2] == first[3] == second[0] == second[1] == 0


def test_more_values_than_components_are_drawn_at_random() -> None:
    torch.manual_seed(0)
    values = WordColours(torch.randn(RESERVED + 50, 4), 9).pixel_values()[RESERVED:].astype(float) - BLANK
    assert values.shape == (50, 9)
    assert values[:, 4:].std() == pytest.approx(values[:, :4].std(), rel=0.5)


def test_a_shift_moves_its_own_word_alone_and_what_is_drawn_is_rounded_outside_training() -> None:
    torch.manual_seed(0)
    colours = WordColours(torch.randn(RESERVED + 5, 6), 6)
    before = colours.pixel_values()
    with torch.no_grad():
        colours.shifts[RESERVED + 2] = 3.0
    assert not (colours.eval()() % 1).any()
    assert (colours.train()() % 1).any()
    after = colours.pixel_values()
    np.testing.assert_array_equal(np.flatnonzero((after != before).any(axis=1)), [RESERVED + 2])
    assert after[RESERVED + 2].min() > 200
