"""The shares of a vector's blocks are held while words go."""

import numpy as np
from toy_match import toy_match

from models.composition import Term
from models.encoders.two_tower_module import DIMENSION, LEARNED
from models.explain.blocks import BLOCKS, held
from models.explain.words import word_saliency
from models.inference.execution import Execution
from models.library import InstalledModels


def test_the_blocks_are_those_of_the_towers() -> None:
    assert BLOCKS["two_tower"] == (LEARNED, DIMENSION - LEARNED)


def test_each_block_gets_the_length_that_the_other_vector_s_has() -> None:
    like = np.array([3, 4, 0.5], np.float32)
    found = held(np.array([[1, 0, 2], [0, 0, -1]], np.float32), like, (2, 1))
    np.testing.assert_allclose(found, [[5, 0, 0.5], [0, 0, -0.5]])


def test_without_blocks_vectors_stay() -> None:
    vectors = np.ones((2, 3), np.float32)
    assert held(vectors, vectors[0], ()) is vectors


def test_an_article_is_worth_next_to_nothing_in_a_short_query() -> None:
    """Left free, the share of class names would follow the number of word pieces: ``a`` would change the vector."""
    encoder = InstalledModels(Execution("torch")).encoder("semblance-base")
    text = "a dog runs on grass"
    vector = encoder.encode_texts([text])[0]
    match = toy_match([Term(text, vector, text=text)], vector, None, encoder.encode_texts)
    free, fixed = (word_saliency(match, blocks)[0].words[0].value for blocks in ((), BLOCKS["two_tower"]))
    assert fixed < free / 2
