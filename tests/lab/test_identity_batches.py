"""Batches hold whole sentences of the photographs that they are drawn with."""

import numpy as np
import pytest

from lab.training.identity_batches import IdentityBatches, lossy, padded
from lab.training.text_pages import NO_WORD


def test_a_lossy_sentence_keeps_a_word_and_its_order() -> None:
    random = np.random.default_rng(0)
    numbers = padded([list(range(1, 11))] * 500 + [[4]] * 9 + [[]], 3)
    assert (lossy(numbers, 0.0, random) == numbers).all()
    lost = lossy(numbers, 0.2, random)
    words = [row[row != NO_WORD].tolist() for row in lost]
    assert all(row[: len(own)].tolist() == own for row, own in zip(lost, words, strict=True))
    assert all(own and own == sorted(own) for own in words[:-1])
    assert words[-1] == []
    assert np.mean([len(own) for own in words[:500]]) == pytest.approx(8.2, abs=0.2)
    assert all(len(row[row != NO_WORD]) == 1 for row in lossy(numbers[:9], 1.0, random))


def test_every_photograph_comes_once_a_pass_with_a_caption_of_its_own() -> None:
    captions = [[[10 * image + turn] for turn in range(1 + image % 3)] for image in range(7)]
    draw = IdentityBatches(captions, batch=2, others=5, views=3, word_loss=0.0)
    batches = list(draw(1))
    assert len(batches) == len(draw) == 3
    seen = [image for batch in batches for image in batch.photographs]
    assert len(set(seen)) == 6
    for batch in batches:
        assert (batch.sentences[:, 0] // 10 == batch.photographs).all()
        assert (batch.sentences[:, 1:] == NO_WORD).all()
        assert batch.others.shape == (5,)
        assert 0 <= batch.view < 3
    again = next(draw(1))
    assert (again.photographs == batches[0].photographs).all()
    assert (again.sentences == batches[0].sentences).all()
