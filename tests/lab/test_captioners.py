"""Training captioners from end to end, on a few photographs of the demonstration; and its loss, in loops."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from lab.losses.doubly_stochastic import doubly_stochastic_penalty
from lab.training.captioners import Recipe, captioning_loss, ship
from lab.training.job import Job
from lab.training.loop import PassReport
from models.captioning.attention import ShowAttendTell, load_captioner
from models.captioning.decoding import Greedy
from models.captioning.show_and_tell import ShowAndTell
from models.cards import read_captioner_card
from models.imaging.decode import decode_image
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.text.vocabulary import END, START, Vocabulary

DEMO = Path(__file__).parents[2] / "demo"
RECIPE = Recipe(views=1, passes=2, images=4, dropout=0.0, noise=0.0)
VOCABULARY = Vocabulary(["a", "dog", "runs", "cat"])


class Told:
    """A reporter that remembers the passes, and kills the run after one."""

    def __init__(self, killed_after: int = 0) -> None:
        self.passes: list[int] = []
        self._killed_after = killed_after

    def features(self, part: str, done: int, total: int) -> None:
        pass

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        assert np.isfinite(loss)

    def one_pass(self, stage: str, report: PassReport) -> None:
        self.passes.append(report.number)
        if report.number == self._killed_after:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs to train on and two to choose by, twice."""
    root = tmp_path_factory.mktemp("data")
    with (DEMO / "captions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:16]
    for name, tokens, split, own in (
        ("flickr8k", "Flickr8k.token.txt", "Flickr_8k.{}Images.txt", rows[:8]),
        ("coco", "coco.token.txt", "coco.{}Images.txt", rows[8:]),
    ):
        (root / name).mkdir()
        (root / name / "images").symlink_to(DEMO / "photographs")
        (root / name / tokens).write_text("\n".join(f"{row['file']}#0\t{row['caption']}" for row in own))
        for part, some in (("train", own[:6]), ("dev", own[6:])):
            (root / name / split.format(part)).write_text("\n".join(row["file"] for row in some))
    return root


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ships_a_captioner(data: Path, tmp_path: Path) -> None:
    name = "show-attend-tell"
    killed, resumed = Told(killed_after=1), Told()
    with pytest.raises(KeyboardInterrupt):
        ship(Job(name, data, tmp_path / "work", tmp_path / "out", killed), RECIPE)
    card = ship(Job(name, data, tmp_path / "work", tmp_path / "out", resumed), RECIPE)
    assert resumed.passes == [2]
    assert card == read_captioner_card(tmp_path / "out")
    assert card.weights_bytes < 8e6
    assert set(card.parts) == {"imagenet-lite", "word-vectors"}
    assert card.training["command"] == f"semblance train {name}"
    captioner = load_captioner(card, tmp_path / "out", Compiler(Execution("torch")))
    prepared = captioner.prepare(decode_image((DEMO / "photographs" / "toucan.jpg").read_bytes()).pixels)
    (caption,) = captioner.describe(prepared[np.newaxis], Greedy())
    assert len(caption.words) <= 20
    assert caption.attention.shape == (len(caption.words), 7, 7)
    np.testing.assert_allclose(caption.attention.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_the_loss_is_the_mean_cross_entropy_of_words_that_are_known() -> None:
    torch.manual_seed(1)
    network = ShowAndTell(3, len(VOCABULARY)).eval()
    features, texts = torch.randn(2, 3), ["A dog runs.", "a zebra"]
    recipe = Recipe(label_smoothing=0.0)
    total, count = 0.0, 0
    with torch.no_grad():
        value = captioning_loss(network, features, texts, VOCABULARY, recipe).item()
        for row, sentence in enumerate([[4, 5, 6, END], [4, None, END]]):
            states = network.begin(network.image(features[row : row + 1]))
            last = START
            for number in sentence:
                scores, states = network.step(states, torch.tensor([last]))
                last = 1 if number is None else number  # zebra is not in the vocabulary: an input, but never a target
                if number is not None:
                    total, count = total - float(scores[0, number]), count + 1
    assert count == 6
    assert value == pytest.approx(total / count, rel=0.02)  # the loss may be computed in bfloat16


def test_the_penalty_of_attention_counts_by_its_weight() -> None:
    torch.manual_seed(1)
    network = ShowAttendTell(3, len(VOCABULARY)).eval()
    features, texts = torch.randn(2, 49, 3), ["a dog runs", "a cat"]
    with torch.no_grad():
        without, once = (
            captioning_loss(network, features, texts, VOCABULARY, Recipe(attention_weight=weight)).item()
            for weight in (0.0, 1.0)
        )
        numbers, mask = map(torch.from_numpy, VOCABULARY.encode(texts, max_words=9, ends=True))
        looks = network(features, numbers[:, :-1].unsqueeze(0))[1]
        penalty = doubly_stochastic_penalty(looks, mask[:, 1:]).item()
    assert once - without == pytest.approx(penalty, rel=0.02)
