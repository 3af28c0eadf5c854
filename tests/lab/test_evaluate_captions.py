"""Captions of real photographs from the command line, and their measures."""

import json
from pathlib import Path

import pytest
from demo_set import PHOTOGRAPHS
from toy_captioner import ToyCaptioner
from typer.testing import CliRunner

from lab.cli import app
from lab.data.captioned import CaptionedImages
from lab.evaluation.commands import options
from lab.evaluation.described import describe_files
from lab.metrics.cider import CiderD
from lab.metrics.meteor import meteor
from models import shipped
from models.captioning.decoders import make_decoder
from models.captioning.decoding import BeamSearch, Greedy, Sampling
from models.errors import InputError
from models.text.vocabulary import split_words

NAMES = ("toucan", "moose", "petra")


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_figures_of_what_people_wrote_themselves_are_the_best() -> None:
    pytest.importorskip("sacrebleu")
    from lab.evaluation.captions import caption_figures

    texts = (("A dog runs.", "the dog is running"), ("A cat, asleep", "a cat sleeps on a sofa"))
    data = CaptionedImages("two", (Path("0.jpg"), Path("1.jpg")), texts)
    own = caption_figures([["a", "dog", "runs"], ["a", "cat", "asleep"]], data)
    assert own["bleu-1"] == pytest.approx(1)
    assert own["bleu-3"] == pytest.approx(1)
    assert own["meteor"] == pytest.approx(meteor("a dog runs", ["a dog runs"]))
    assert own["words"] == 3
    mixed = caption_figures([["a", "cat", "runs"], ["a", "cat", "sleeps"]], data)
    assert mixed["bleu-1"] == pytest.approx(5 / 6)
    references = [[split_words(text) for text in own] for own in texts]
    assert mixed["cider-d"] == pytest.approx(CiderD(references).mean([["a", "cat", "runs"], ["a", "cat", "sleeps"]]))


def test_every_file_gets_its_own_caption_and_progress_is_told(tmp_path: Path) -> None:
    from PIL import Image

    files = []
    for number in range(40):  # more than a batch
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (9, 7), (255, 0, 0) if number % 2 else (0, 0, 255)).save(files[-1])
    told: list[tuple[int, int]] = []
    captions = describe_files(ToyCaptioner(), files, BeamSearch(2), lambda done, total: told.append((done, total)))
    assert [caption.words[1] for caption in captions] == ["blue", "red"] * 20
    assert told == [(32, 40), (40, 40)]


def test_figures_are_noted_on_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "weights_folder", tmp_path.joinpath)
    (tmp_path / "one").mkdir()
    card = tmp_path / "one" / "card.json"
    card.write_text('{"name": "one", "quality": {"a": {"bleu-1": 1}, "b": 2}}')
    options.note_on_card("one", "a", {"bleu-1": 0.5})
    assert json.loads(card.read_text()) == {"name": "one", "quality": {"a": {"bleu-1": 0.5}, "b": 2}}


def test_the_command_measures_greedy_and_beam(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu")
    tokens, output = tmp_path / "token.txt", tmp_path / "figures.json"
    tokens.write_text("".join(f"{name}.jpg#{i}\ta bird sits on a tree\n" for name in NAMES for i in range(2)))
    told = run("evaluate", "captions", "--images", PHOTOGRAPHS, "--captions", tokens, "--output", output)
    assert "show-and-tell: 3 images" in told
    figures = json.loads(output.read_text())
    assert figures["model"] == "show-and-tell"
    assert figures["decoders"].keys() == {"greedy", "beam"}
    for values in figures["decoders"].values():
        assert 0 < values["meteor"] < 1
        assert values["ms_an_image"] > 0
        assert 1 > values["bleu-1"] >= values["bleu-4"] >= 0


def test_decoders_have_names() -> None:
    assert make_decoder("greedy") == Greedy()
    assert make_decoder("beam", width=4) == BeamSearch(4)
    assert make_decoder("sample", temperature=0.5, seed=3) == Sampling(0.5, 3)
    with pytest.raises(InputError, match="greedy, beam, sample"):
        make_decoder("guess")
