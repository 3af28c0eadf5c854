"""The limited text space: its fusion is the document's formula, and what ships of each member does the same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lab.checkpoint import write_checkpoint
from lab.training.limited_text_space import Pair, Recipe
from models.backbones.efficientnet_lite import CHANNELS
from models.backbones.lite_pair import FEATURES, INPUT
from models.cards import read_encoder_card
from models.encoders.limited_text_space import WordNumbers, load_encoder
from models.encoders.limited_text_space_module import DIMENSION, Fusion, ImageMap, TextSpace, TextSpaceMap, VisualMap
from models.encoders.unit_linear import UnitLinear
from models.errors import CheckpointError
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.text.gru import GruSentenceEncoder
from models.text.vocabulary import END, UNKNOWN, Vocabulary
from models.text.word_vectors import load_word_vectors

CARD = {
    "name": "toy", "description": "", "licence": "", "architecture": "limited_text_space", "dimension": DIMENSION,
    "preprocessing": {"size": INPUT.size, "fit": INPUT.fit, "resample": INPUT.resample, "mean": INPUT.mean,
                      "std": INPUT.std},
}  # fmt: skip


def _maps() -> tuple[VisualMap, TextSpaceMap]:
    torch.manual_seed(0)
    return VisualMap(), TextSpaceMap(torch.randn(6, CHANNELS) / 50)


COLUMNS = FEATURES + CHANNELS
"""Of an image's vector: the frozen pair's, and the captioner's own network's."""


def _pair(maps: list[ImageMap], **choices: float) -> Pair:
    torch.manual_seed(0)
    return Pair(FEATURES, maps, torch.randn(12, 300), Recipe(**choices))


@torch.no_grad()
def test_a_fusion_is_the_normalised_sum_of_equation_5() -> None:
    visual, text_space = _maps()
    fusion = Fusion(COLUMNS, [visual, text_space])
    sample = torch.randn(40, COLUMNS) * 2 + 1
    fusion.standardise.standardise_to(sample)
    x = ((sample - sample.mean(dim=0)) / sample.std(dim=0)).numpy()
    w_vgg, w_img, w_txt = (w.numpy().T for w in (visual.map.weight, text_space.into_text_space, text_space.map.weight))
    x, y = x[:, :FEATURES], x[:, FEATURES:]
    final = x @ w_vgg + (y @ w_img) @ w_txt
    expected = final / np.linalg.norm(final, axis=1, keepdims=True)
    np.testing.assert_allclose(fusion(sample).numpy(), expected, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("members", [[0], [1], [0, 1]], ids=["vse", "single", "fusion"])
def test_each_member_ships_as_one_matrix_that_does_the_same(members: list[int]) -> None:
    maps = _maps()
    columns = {(0,): FEATURES, (1,): CHANNELS, (0, 1): COLUMNS}[tuple(members)]
    fusion, sample = Fusion(columns, [maps[member] for member in members]), torch.randn(20, columns)
    fusion.standardise.standardise_to(sample * 3)
    torch.testing.assert_close(fusion.as_one()(sample), fusion(sample), atol=1e-5, rtol=1e-4)


def test_the_captioners_map_stays_and_all_else_learns() -> None:
    visual, text_space = _maps()
    fusion = Fusion(COLUMNS, [visual, text_space])
    fusion(torch.randn(3, COLUMNS))[:, 0].sum().backward()
    assert {name for name, parameter in fusion.named_parameters() if parameter.grad is not None} == {
        "maps.0.map.weight",
        "maps.1.map.weight",
    }
    bound = (6 / (FEATURES + DIMENSION)) ** 0.5  # Glorot and Bengio 2010
    assert 0.99 * bound < visual.map.weight.abs().max() <= bound


def test_a_sentence_ends_with_the_end_word_and_has_no_start_word() -> None:
    numbers, mask = WordNumbers(Vocabulary(["dog", "runs"]))(["A dog runs.", "dog"])
    assert numbers.tolist() == [[UNKNOWN, 4, 5, END], [4, END, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]


@torch.no_grad()
def test_sentences_together_are_as_one_by_one() -> None:
    pair, random = _pair([VisualMap()]).eval(), np.random.default_rng(0)
    lengths = random.integers(1, 9, size=300)
    mask = (np.arange(8) < lengths[:, None]).astype(np.int64)
    numbers = random.integers(3, 12, size=(300, 8)) * mask
    got = pair.texts(numbers, mask)
    for row in (0, 7, 299):
        alone = pair.texts(numbers[row : row + 1], mask[row : row + 1])
        torch.testing.assert_close(got[row], alone[0], atol=0.02, rtol=0)  # bfloat16 where the processor has it


def test_words_are_dropped_in_training_only_and_never_the_end() -> None:
    pair = _pair([VisualMap()], word_dropout=0.5)
    words = torch.full((200, 10), 7)
    words[:, -1] = END
    dropped = pair.train()._dropped(words)
    assert abs((dropped[:, :-1] == UNKNOWN).float().mean().item() - 0.5) < 0.05
    assert (dropped[:, -1] == END).all()
    assert torch.equal(pair.eval()._dropped(words), words)


@torch.no_grad()
def test_what_is_written_reads_back_as_an_encoder_whatever_the_words_width(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vocabulary = load_word_vectors().vocabulary
    text = GruSentenceEncoder(len(vocabulary), 16, DIMENSION)
    space = TextSpace(UnitLinear(FEATURES, DIMENSION), text)
    write_checkpoint(tmp_path, space.state_dict(), CARD, int8_rows=64)
    encoder = load_encoder(read_encoder_card(tmp_path), tmp_path, Compiler(Execution("torch")))
    vectors = encoder.encode_texts(["a dog runs", "beach"])
    numbers, mask = map(torch.from_numpy, WordNumbers(vocabulary)(["a dog runs", "beach"]))
    expected = torch.nn.functional.normalize(text(numbers, mask), dim=1).numpy()
    assert (vectors * expected).sum(axis=1).min() > 0.999
    images = encoder.encode_images(np.zeros((1, INPUT.size, INPUT.size, 3), np.uint8))
    assert np.allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    with pytest.raises(CheckpointError, match="architecture"):
        write_checkpoint(tmp_path, text.state_dict(), CARD)
        load_encoder(read_encoder_card(tmp_path), tmp_path, Compiler(Execution("torch"))).encode_texts(["a dog"])
