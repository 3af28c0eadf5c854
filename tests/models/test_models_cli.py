"""The commands about models, with what ships."""

import json

from demo_set import PHOTOGRAPHS
from typer.testing import CliRunner

from models.cli import app


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_photograph_gets_a_line_with_its_caption() -> None:
    lines = run("caption", PHOTOGRAPHS / "toucan.jpg", "--decoder", "greedy").splitlines()
    assert len(lines) == 1
    assert "toucan.jpg  a bird" in lines[0]


def test_captioners_are_listed() -> None:
    assert "captioner show-and-tell (5.4 MB) writes captions" in run("models")
    assert "show-and-tell" in {card["name"] for card in json.loads(run("models", "--json"))}
