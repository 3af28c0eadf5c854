"""The commands ``evaluate``, with the shipped model on real photographs."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.evaluation.commands.options import read_set

PHOTOGRAPHS = Path(__file__).parents[2] / "demo" / "photographs"
NAMES = ["tabby-cat", "orange-kitten", "windmill", "windmills-by-canal", "piglet", "wall-clock"]

Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    with (PHOTOGRAPHS.parent / "captions.csv").open(encoding="utf-8") as file:
        captions = {row["file"]: row["caption"] for row in csv.DictReader(file)}
    tokens = tmp_path / "token.txt"
    tokens.write_text("".join(f"{name}.jpg#0\t{captions[f'{name}.jpg']}\n" for name in NAMES), encoding="utf-8")
    return tokens


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """Run a command on the demonstration's photographs and return the figures it wrote."""

    def run(command: str, *options: object) -> dict[str, Any]:
        output = tmp_path / "figures.json"
        arguments = ["evaluate", command, "--images", PHOTOGRAPHS, "--output", output, *options]
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert "semblance-base" in result.output
        figures: dict[str, Any] = json.loads(output.read_text())
        return figures

    return run


def test_retrieval_and_pairs(evaluate: Evaluate, tokens: Path) -> None:
    figures = evaluate("retrieval", "--captions", tokens)
    assert figures["text_to_image"]["r@1"] >= 4 / 6
    assert figures["text_to_image"]["intervals"]["r@10"] == [1, 1]
    figures = evaluate("pairwise", "--captions", tokens, "--samples", 300, "--seed", 2)
    assert figures["samples"] == 300
    assert figures["accuracy"] > 0.8


def test_captions_of_shuffled_words_are_others_and_are_still_found(evaluate: Evaluate, tokens: Path) -> None:
    assert read_set(PHOTOGRAPHS, tokens, None, 1).captions != read_set(PHOTOGRAPHS, tokens, None).captions
    assert evaluate("pairwise", "--captions", tokens, "--samples", 300, "--shuffle-words")["accuracy"] > 0.7
    assert evaluate("retrieval", "--captions", tokens, "--shuffle-words")["text_to_image"]["r@5"] > 0.6


def test_shapes(evaluate: Evaluate, tokens: Path) -> None:
    figures = evaluate("shapes", "--captions", tokens)
    assert figures.keys() == {"square", "stretched", "cropped", "largest_loss_r@10"}
    assert figures["stretched"]["16:9"]["text_to_image"]["r@1"] >= 4 / 6


def test_agreement_on_captions(evaluate: Evaluate, tokens: Path, tmp_path: Path) -> None:
    crowd = tmp_path / "crowd.txt"
    pairs = [(a, b, a == b) for a in NAMES for b in NAMES]
    crowd.write_text("".join(f"{a}.jpg\t{b}.jpg#0\t{int(own)}\t{3 * own}\t{3 * (not own)}\n" for a, b, own in pairs))
    figures = evaluate("agreement", "--captions", tokens, "--judgements", crowd)
    assert figures["pairs"] == 36
    assert figures["tau_b"] > 0.4


def test_agreement_on_triplets_needs_no_captions(evaluate: Evaluate, tmp_path: Path) -> None:
    triplets = tmp_path / "triplets.txt"
    triplets.write_text(
        "query\ta\tb\tvotes_a\tvotes_b\tvotes_neither\n"
        "tabby-cat.jpg\torange-kitten.jpg\twindmill.jpg\t3\t0\t0\n"
        "windmill.jpg\tpiglet.jpg\twindmills-by-canal.jpg\t0\t3\t0\n"
    )
    figures = evaluate("agreement", "--judgements", triplets)
    assert figures == {"agreement": 1, "inter_user_agreement": 1, "random_agreement": 0.5, "triplets": 2}
