"""Our BERT is transformers' BERT: names, vectors, dropout, gradients; and our own models do not need transformers."""

import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from openvino_tolerance import openvino_tolerance
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from models.encoders.two_tower_module import load_two_tower
from models.inference.compiler import compile_module
from models.inference.execution import Execution
from models.shipped import encoder_card, weights_folder
from models.text.bert import Bert, BertShape
from models.text.minilm import MiniLM, load_minilm
from models.text.tokeniser import MAX_TOKENS, TOKENISER, Tokeniser

SHAPES = [
    BertShape(vocabulary=50, width=16, layers=2, heads=2, hidden=32, positions=12),
    BertShape(vocabulary=31, width=24, layers=3, heads=6, hidden=40, positions=20, token_types=3),
    BertShape(vocabulary=40, width=8, layers=1, heads=1, hidden=8, positions=16, token_types=1, dropout=0.3),
]
MINILM_SHAPE = BertShape(vocabulary=30522, width=384, layers=6, heads=12, hidden=1536)
SENTENCES = [
    "a dog", "two giraffes stand close together in front of trees", "", "naïve café ☕ in 東京", "word " * 500,
]  # fmt: skip


def transformers_bert(shape: BertShape, attention: str = "sdpa") -> BertModel:
    """Build transformers' model of a shape; what we do not name is what BERT's own configuration says."""
    config = BertConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.hidden,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.token_types,
        hidden_dropout_prob=shape.dropout,
        attention_probs_dropout_prob=shape.dropout,
        attn_implementation=attention,
    )
    return BertModel(config, add_pooling_layer=False).eval()


def random_pair(shape: BertShape, attention: str = "sdpa") -> tuple[Bert, BertModel]:
    """Build both of a shape with the same random weights, biases and norms among them.

    Small embeddings make the epsilon of the first normalisation count.
    """
    torch.manual_seed(3)
    theirs, ours = transformers_bert(shape, attention), Bert(shape).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.normal_(std=0.003 if "_embeddings" in name else 0.5)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def random_batch(shape: BertShape, seed: int) -> tuple[Tensor, Tensor]:
    """Draw ids and a mask whose first row is whole, whose second ends in padding, the others full of holes."""
    generator = torch.Generator().manual_seed(seed)
    length = int(torch.randint(2, shape.positions + 1, (), generator=generator))
    ids = torch.randint(0, shape.vocabulary, (5, length), generator=generator)
    mask = torch.randint(0, 2, (5, length), generator=generator)
    mask[:, 0] = 1
    mask[0] = 1
    mask[1, length // 2 :] = 0
    ids[1, length // 2 :] = 0
    return ids, mask


def their_states(model: BertModel, ids: Tensor, mask: Tensor) -> Tensor:
    states: Tensor = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return states


def largest(difference: Tensor) -> float:
    return float(difference.detach().abs().max())


@pytest.mark.parametrize("shape", [*SHAPES, MINILM_SHAPE])
def test_the_state_has_the_names_and_shapes_of_transformers(shape: BertShape) -> None:
    ours, theirs = Bert(shape).state_dict(), transformers_bert(shape).state_dict()
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_the_forward_pass_is_that_of_transformers(shape: BertShape, attention: str) -> None:
    ours, theirs = random_pair(shape, attention)
    for seed in range(20):
        ids, mask = random_batch(shape, seed)
        assert largest(ours(ids, mask) - their_states(theirs, ids, mask)) < 1e-5


@torch.no_grad()
def test_padding_changes_nothing_of_the_real_tokens() -> None:
    shape = SHAPES[0]
    ours, _ = random_pair(shape)
    ids = torch.tensor([[5, 6, 7, 8]])
    padded = torch.cat([ids, torch.randint(0, shape.vocabulary, (1, 6))], dim=1)
    mask = torch.tensor([[1] * 4 + [0] * 6])
    assert largest(ours(padded, mask)[:, :4] - ours(ids, torch.ones_like(ids))) < 1e-5


@pytest.mark.parametrize("shape", SHAPES)
def test_training_drops_and_learns_what_transformers_does(shape: BertShape) -> None:
    """The same random numbers are drawn in the same order, so dropout is the same, and so are all gradients."""
    ours, theirs = (model.train() for model in random_pair(shape))
    ids, mask = random_batch(shape, seed=1)
    torch.manual_seed(7)
    our_states = ours(ids, mask)
    torch.manual_seed(7)
    states = their_states(theirs, ids, mask)
    assert largest(our_states - states) < 1e-5
    assert largest(our_states - ours.eval()(ids, mask)) > 0.1
    direction = torch.randn_like(states)
    (our_states * direction).sum().backward()
    (states * direction).sum().backward()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-3, atol=1e-4, msg=name)
    assert largest(ours.embeddings.word_embeddings.weight.grad[0]) == 0  # padding is not trained


def test_dropout_is_that_of_bert_where_none_is_named() -> None:
    config = BertConfig()
    assert MINILM_SHAPE.dropout == config.hidden_dropout_prob == config.attention_probs_dropout_prob


class _Transformers(nn.Module):
    """Transformers' model, called as ours is."""

    def __init__(self, weights: dict[str, Any]) -> None:
        super().__init__()
        self.model = transformers_bert(MINILM_SHAPE)
        self.model.load_state_dict(weights)
        self.embeddings = self.model.embeddings

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return their_states(self.model, ids, mask)


@pytest.mark.parametrize("name", ["minilm", "semblance-base"])
@torch.no_grad()
def test_shipped_text_vectors_are_those_of_transformers(name: str) -> None:
    base = weights_folder("semblance-base")
    ours: MiniLM = load_minilm() if name == "minilm" else load_two_tower(encoder_card(name), base).text
    theirs = deepcopy(ours)
    theirs.bert = _Transformers(ours.bert.state_dict())  # type: ignore[assignment]
    tokenise = Tokeniser(base / TOKENISER, MAX_TOKENS)
    for batch in (SENTENCES, *([sentence] for sentence in SENTENCES)):
        ids, mask = map(torch.from_numpy, tokenise(batch))
        assert largest(ours(ids, mask) - theirs(ids, mask)) < 1e-5


def test_openvino_takes_batches_and_sentences_of_any_length() -> None:
    tolerance = openvino_tolerance(float32=1e-4, bfloat16=0.2)
    shape = SHAPES[0]
    ours, _ = random_pair(shape)
    run = compile_module(ours, list(random_batch(shape, seed=0)), [(0, 1), (0, 1)], Execution("openvino"))
    for length in (2, 5, shape.positions):
        for count in (1, 4):
            ids = torch.randint(1, shape.vocabulary, (count, length))
            mask = torch.ones_like(ids)
            mask[-1, length // 2 :] = 0
            with torch.no_grad():
                expected = ours(ids, mask).numpy()
            np.testing.assert_allclose(run(ids.numpy(), mask.numpy()), expected, atol=tolerance)


def test_nothing_that_loads_our_own_models_imports_transformers() -> None:
    """In a process of its own, for this one has imported it."""
    program = """
import sys
from models.inference.execution import Execution
from models.library import InstalledModels
InstalledModels().encoder("semblance-base").encode_texts(["a dog"])
in_torch = InstalledModels(Execution("torch"))
for name in ("semblance-base", "linear-mapping"):
    in_torch.encoder(name).encode_texts(["a dog"])
in_torch.matcher("late-interaction")
in_torch.explainer("semblance-base", "grad-cam")
print("torch" in sys.modules, "transformers" in sys.modules)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == ["True", "False"]
