"""Calibration is fitted by what it says, and measured on what it was not fitted on."""

import csv
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from toy_matcher import ToyMatcher
from typer.testing import CliRunner

import lab.cli
from lab.data.captioned import CaptionedImages
from lab.evaluation.calibration import (
    Material,
    Search,
    evaluate_calibration,
    fit_calibration,
    judge,
    judge_halves,
    make_material,
    make_reference,
    measure,
)
from lab.evaluation.cli import app
from lab.evaluation.encoded import EncodedSet
from lab.evaluation.matched import MatchedSet
from lab.evaluation.steadiness import VARIANTS, measure_steadiness
from models.calibration import POSSIBLE, calibration_file, read_calibrations
from models.errors import InputError
from models.shipped import encoder_card
from models.types import Features

DEMO = Path(__file__).parents[2] / "demo"
TOPICS, DIMENSION = 20, 24


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def _word(number: int) -> str:
    """Return a word of two letters for each number, which no stemmer changes."""
    return "bcdfghjklmnpqrtvwz"[number // 18] + "bcdfghjklmnpqrtvwz"[number % 18]


TOPIC_VECTORS = _unit(np.random.default_rng(0).normal(size=(TOPICS, DIMENSION)))


def _encode(texts: list[str]) -> np.ndarray:
    """Return the mean of the vectors of the topics that a text names, with a little of all else in it."""
    vectors = []
    for text in texts:
        seed = np.frombuffer(text.lower().encode(), np.uint8).astype(int).sum()
        named = [TOPIC_VECTORS[topic] for topic in range(TOPICS) if f"x{_word(topic)}" in text.lower()]
        vectors.append(sum(named) + 0.25 * np.random.default_rng(seed).normal(size=DIMENSION) / np.sqrt(DIMENSION))
    return _unit(np.array(vectors))


def _set(name: str, count: int, seed: int) -> EncodedSet:
    """Make images of two topics each, and captions that name them."""
    random = np.random.default_rng(seed)
    topics = np.array([random.choice(TOPICS, 2, replace=False) for _ in range(count)])
    noise = random.normal(size=(count, DIMENSION)) / np.sqrt(DIMENSION)
    images = _unit(TOPIC_VECTORS[topics].sum(axis=1) + 0.8 * noise)
    captions = tuple(
        (
            f"a x{_word(a)} is on the x{_word(b)} of q{_word(number)} .",
            f"a x{_word(a)} near a x{_word(b)} .",
            f"the old x{_word(a)} and the x{_word(b)} .",
        )
        for number, (a, b) in enumerate(topics)
    )
    data = CaptionedImages(name, tuple(Path(f"{i}.jpg") for i in range(count)), captions)
    texts, of = data.flat_captions()
    return EncodedSet("synthetic", data, images, _encode(texts), np.array(of))


@cache
def _material() -> Material:
    return make_material(
        [_set("first", 160, 1), _set("second", 140, 2)], [_set("filling", 300, 3)], _encode, 40, seed=1
    )


def test_every_kind_of_search_is_asked_in_every_collection_with_and_without_what_it_asks_for() -> None:
    material = _material()
    assert set(material.searches) == {
        f"{source}-to-{target}"
        for source in ("text", "image", "steered-text", "steered-image", "embedding")
        for target in ("image", "text")
    }
    for name, search in material.searches.items():
        trials = search.trials
        assert not trials.relevant[trials.absent].any(), name
        assert (np.diff(trials.scores, axis=1) <= 0).all()
        assert set(trials.half) == {0, 1}
        assert set(trials.dataset) == {0, 1}
    assert sum(material.mixture()["text-to-image"].values()) == len(material.words)
    assert material.searches["text-to-image"].trials.trained.any()
    assert not material.searches["text-to-text"].trials.trained.any()


class TopicMatcher(ToyMatcher):
    """Its features are the images' vectors; it scores by their cosine with the sentence, or against it."""

    def __init__(self, name: str, sign: float) -> None:
        super().__init__(name)
        self._sign = sign

    def score(self, text: str, features: Features) -> np.ndarray:
        return np.asarray(self._sign * features @ _encode([text])[0], np.float32)


def test_the_answers_that_each_of_several_matchers_re_ranks_are_judged_by_themselves() -> None:
    sets, signs = [_set("first", 60, 1), _set("second", 60, 2)], {"for": 1.0, "against": -3.0}
    matched = [
        [MatchedSet(TopicMatcher(name, sign), one.data, one.images) for one in sets] for name, sign in signs.items()
    ]
    searches = make_material(sets, [], _encode, 20, seed=1, matched=matched).searches
    plain, agreeing, other = (
        searches[f"text-to-image{name}"].trials.relevant.mean() for name in ("", "-for", "-against")
    )
    assert agreeing == pytest.approx(plain, abs=0.01)
    assert other < plain - 0.1


def test_an_image_that_is_asked_by_is_not_among_its_results_and_a_sentence_s_own_may_be() -> None:
    trials = _material().searches["image-to-image"].trials
    assert trials.scores.max() < 1 - 1e-5


def test_the_fit_is_calibrated_on_what_it_was_fitted_to() -> None:
    material = _material()
    search = material.searches["text-to-image"]
    judged = judge(fit_calibration(search, material.reference), search, material.reference)
    assert judged.confidence[~search.trials.absent].mean() == pytest.approx(
        search.trials.relevant[~search.trials.absent].mean(), abs=0.05
    )


def test_a_half_is_judged_by_a_fit_without_it() -> None:
    material = _material()
    search, first = material.searches["text-to-image"], material.searches["text-to-image"].trials.half == 0
    random = np.random.default_rng(0).random(search.trials.relevant.shape) < 0.05  # some labels of the first half
    changed = replace(search.trials, relevant=search.trials.relevant ^ (random & first[:, None]))
    before, after = (
        judge_halves(Search(trials, search.kinds), material.reference).confidence for trials in (search.trials, changed)
    )
    np.testing.assert_array_equal(before[first], after[first])
    assert np.abs(before[~first] - after[~first]).max() > 0


def test_the_figures_hold_and_agree_with_slow_counts() -> None:
    material = _material()
    search = material.searches["text-to-image"]
    judged = judge_halves(search, material.reference)
    figures = measure(judged, material.names)
    assert figures["expected_calibration_error"] < 0.08
    assert figures["auroc"] > 0.8
    absent = [max(row) < POSSIBLE for row, gone in zip(judged.confidence, search.trials.absent, strict=True) if gone]
    assert figures["told_absent"] == pytest.approx(sum(absent) / len(absent))
    assert set(figures["kinds"]) == set(search.kinds)
    assert sum(one["queries"] for one in figures["sets"].values()) == figures["queries"]
    assert sum(one["results"] for one in figures["distractors"].values()) == 10 * figures["queries"]
    assert json.loads(json.dumps(figures)) == figures


def test_every_vector_of_the_reference_set_is_of_several_photographs() -> None:
    vectors = _set("first", 160, 1).images
    reference = make_reference(vectors, seed=1)
    assert 1 < len(reference) <= 20
    assert (vectors @ reference.T / np.linalg.norm(reference, axis=1)).max() < 1 - 1e-4


def test_a_model_whose_scores_tell_nothing_has_no_calibration() -> None:
    material = _material()
    search = material.searches["text-to-image"]
    backwards = replace(search.trials, scores=-search.trials.scores)
    with pytest.raises(InputError, match="nothing to calibrate"):
        fit_calibration(Search(backwards, search.kinds), material.reference)
    never = replace(search.trials, relevant=np.zeros_like(search.trials.relevant))
    with pytest.raises(InputError, match="some must be relevant"):
        fit_calibration(Search(never, search.kinds), material.reference)


def test_steadiness_is_told_of_every_way_to_write() -> None:
    material = _material()
    _, fitted = evaluate_calibration(material)
    told = measure_steadiness(fitted, material, _encode)
    assert set(told) == set(VARIANTS)
    assert told["quotes"]["most"] > 0  # to the made-up encoder, that is another sentence
    assert all(one["mean"] <= one["most of 95 %"] <= one["most"] for one in told.values())
    same = measure_steadiness(fitted, material, lambda texts: _encode([text.lower().strip('".') for text in texts]))
    assert same["quotes"]["most"] == same["full stop"]["most"] == same["capitals"]["most"] == 0
    assert same["quotes"]["within 0.05"] == 1


@pytest.fixture
def demo_captions(tmp_path: Path) -> Path:
    captions = csv.DictReader((DEMO / "captions.csv").read_text(encoding="utf-8").splitlines())
    lines = [f"{row['file']}#{number}\t{row['caption']}\n" for row in captions for number in range(2)]
    (tmp_path / "demo.txt").write_text("".join(lines))
    return tmp_path / "demo.txt"


@pytest.mark.slow
def test_the_command_writes_what_the_model_then_reads(tmp_path: Path, demo_captions: Path) -> None:
    written, output = tmp_path / "calibration.safetensors", tmp_path / "figures.json"
    arguments = [
        "--images",
        DEMO / "photographs",
        "--captions",
        demo_captions,
        "--queries",
        "20",
        "--write",
        written,
        "--output",
        output,
    ]
    result = CliRunner().invoke(app, ["calibration", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "110 images" in result.stdout
    figures = json.loads(output.read_text())
    assert figures["searches"]["text-to-image"]["auroc"] > 0.6
    calibrations = read_calibrations(written, encoder_card("semblance-base").weights_sha256)
    assert calibrations is not None
    assert set(calibrations.kinds) == set(figures["searches"])
    assert "left out, for too few photographs: steered-image-to-image" in result.stderr


@pytest.mark.slow
def test_a_model_without_a_calibration_gets_one_in_the_data_folder(tmp_path: Path, demo_captions: Path) -> None:
    arguments = [
        "--images",
        DEMO / "photographs",
        "--captions",
        demo_captions,
        "--queries",
        "20",
        "--data-dir",
        tmp_path,
    ]
    result = CliRunner().invoke(lab.cli.app, ["calibrate", "linear-mapping", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    file = calibration_file(tmp_path, "linear-mapping")
    assert str(file) in result.stdout.replace("\n", "")
    assert read_calibrations(file, encoder_card("linear-mapping").weights_sha256) is not None
    refused = CliRunner().invoke(lab.cli.app, ["calibrate", "semblance-base", *map(str, arguments)])
    assert isinstance(refused.exception, InputError)
    assert "ships with a calibration" in str(refused.exception)


def test_sets_that_are_not_complete_are_refused(tmp_path: Path) -> None:
    (tmp_path / "captions.txt").write_text("a.jpg#0\ta\n")
    images = ["--images", str(tmp_path)] * 2
    result = CliRunner().invoke(app, ["calibration", *images, "--captions", str(tmp_path / "captions.txt")])
    assert isinstance(result.exception, InputError)
    assert "there are 2, 1, 0 and 0" in str(result.exception)
