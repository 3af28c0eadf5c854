"""The shares of a vector's blocks are held while words go."""

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from toy_match import toy_match

from models.checkpoint import WEIGHTS, read_weights
from models.composition import Term
from models.encoders.compiled import CompiledDualEncoder
from models.encoders.hubness import COORDINATES
from models.encoders.two_tower import load_encoder
from models.encoders.two_tower_module import DIMENSION, LEARNED, MEANING, PHRASES, TextTower, load_two_tower
from models.explain.blocks import BLOCKS, held, meaning
from models.explain.words import word_saliency
from models.files import file_sha256
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import LeftTextEncoder
from models.shipped import encoder_card, weights_folder
from models.text.minilm import SENTENCE
from models.text.normalise import normalise
from models.text.plain_phrase import plain_phrase
from models.text.tokeniser import TOKENISER, load_minilm_tokeniser


def test_the_blocks_are_those_of_the_towers() -> None:
    assert BLOCKS["two_tower"] == (LEARNED, MEANING - LEARNED - PHRASES, PHRASES, COORDINATES)
    assert sum(BLOCKS["two_tower"]) == DIMENSION


def test_each_block_gets_the_length_that_the_other_vector_s_has() -> None:
    like = np.array([3, 4, 0.5], np.float32)
    found = held(np.array([[1, 0, 2], [0, 0, -1]], np.float32), like, (2, 1))
    np.testing.assert_allclose(found, [[5, 0, 0.5], [0, 0, -0.5]])


def test_what_is_meant_is_all_but_hubness() -> None:
    assert meaning(BLOCKS["two_tower"]) == MEANING
    assert meaning(()) is None


def test_without_blocks_vectors_stay() -> None:
    vectors = np.ones((2, 3), np.float32)
    assert held(vectors, vectors[0], ()) is vectors


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[CompiledDualEncoder, TextTower]:
    """The shipped model with another head for short queries, and its text tower."""
    card = encoder_card("semblance-base")
    folder = tmp_path_factory.mktemp("two-heads")
    shutil.copy(weights_folder("semblance-base") / TOKENISER, folder)
    tensors = read_weights(weights_folder("semblance-base"), card)
    torch.manual_seed(0)
    for name in [name for name in tensors if name.startswith("text.head.")]:
        tensors[name.replace("head", "short", 1)] = tensors[name] + 0.1 * torch.randn_like(tensors[name])
    save_file(tensors, folder / WEIGHTS)
    card = replace(card, weights_sha256=file_sha256(folder / WEIGHTS))
    return load_encoder(card, folder, Compiler(Execution("torch"))), load_two_tower(card, folder).text


def test_the_whole_is_read_as_ever(both: tuple[CompiledDualEncoder, TextTower]) -> None:
    encoder, _ = both
    for text in ("a dog", "dogs", "a dog on grass", "a brown dog runs on the green grass"):
        left = encoder.encode_left([text], text)
        singular = text == "dogs"  # a bare plural is also read as its singular: what is left of a text is not
        assert (abs(left - encoder.encode_texts([text])).max() < 1e-5) == (not singular)


def test_what_is_left_has_the_head_and_the_class_names_weight_of_the_whole(
    both: tuple[CompiledDualEncoder, TextTower],
) -> None:
    (encoder, tower), whole, left = both, "a brown dog runs on grass", "brown dog"
    tokens = load_minilm_tokeniser()([left], whole)
    with torch.no_grad():
        read = tower.read(*map(torch.from_numpy, tokens))
        pooled = read[:, :SENTENCE]
        expected = tower.join(tower.head(pooled), read, torch.zeros(1, 1)).numpy()
        other = tower.join(tower.short(pooled), read, torch.ones(1, 1)).numpy()
    np.testing.assert_allclose(encoder.encode_left([left], whole), expected, atol=1e-4)
    assert abs(expected - other).max() > 0.01


def test_no_rule_reads_it_otherwise() -> None:
    assert normalise("a dog runs on", "a dog runs on grass") == "a dog runs on."
    assert normalise("a dog runs on") == "a dog runs on"
    assert plain_phrase("a dog runs on", "a dog runs on grass") == "a dog runs on"
    assert plain_phrase("the dog", "near the dog") == "the dog"
    assert plain_phrase("a dog", "a brown dog") == "dog"


def test_an_article_is_worth_next_to_nothing_in_a_short_query() -> None:
    """Left free, the share of class names would follow the number of word pieces: ``a`` would change the vector."""
    encoder = InstalledModels(Execution("torch")).encoder("semblance-base")
    assert isinstance(encoder, LeftTextEncoder)
    text = "a dog runs on grass"
    vector = encoder.encode_texts([text])[0]
    image = np.concatenate([vector[:MEANING], np.zeros(DIMENSION - MEANING, np.float32)])
    readings = (encoder.encode_texts, ()), (partial(encoder.encode_left, like=text), BLOCKS["two_tower"])
    free, fixed = (
        word_saliency(toy_match([Term(text, vector, text=text)], image, None, read), blocks)[0].words[0].value
        for read, blocks in readings
    )
    assert fixed < free / 2
