"""Calibration is fitted by what it says, and measured on what it was not fitted on."""

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lab.data.captioned import CaptionedImages
from lab.evaluation.calibration import (
    FALSE_ALARMS,
    MATCH_PRIOR,
    cross_validate,
    evaluate_calibration,
    fit_calibration,
    judge,
    measure,
)
from lab.evaluation.cli import app
from lab.evaluation.encoded import EncodedSet
from lab.evaluation.trials import OWN, PRESENT, TEMPERATURES, TOPIC, Trials, make_trials
from models.calibration import read_calibrations
from models.errors import InputError
from models.shipped import encoder_card

DEMO = Path(__file__).parents[2] / "demo"
TOPICS = 25


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def _word(number: int) -> str:
    """Return a word of two letters for each number."""
    return "bcdfghjklmnpqrtvwz"[number // 18] + "bcdfghjklmnpqrtvwz"[number % 18]


def _set(name: str, count: int, seed: int, noise: float = 0.8) -> EncodedSet:
    """Make images of a few topics, each with two captions (the first has three) near it, in words and vectors."""
    random = np.random.default_rng(seed)
    topics = _unit(random.normal(size=(TOPICS, 24)))
    images = _unit(topics[np.arange(count) % TOPICS] + 0.15 * random.normal(size=(count, 24)))
    words = [
        (f"x{_word(i % TOPICS)} y{_word(i)}", f"x{_word(i % TOPICS)}", "zzz")[: 2 + (i == 0)] for i in range(count)
    ]
    of = np.array([i for i, captions in enumerate(words) for _ in captions])
    captions = _unit(images[of] + noise * random.normal(size=(len(of), 24)) / np.sqrt(24))
    data = CaptionedImages(name, tuple(Path(f"{i}.jpg") for i in range(count)), tuple(words))
    return EncodedSet("synthetic", data, images, captions, of)


@cache
def _sets() -> tuple[EncodedSet, EncodedSet]:
    return _set("first", 150, 1), _set("second", 120, 2)


@cache
def _trials(direction: str) -> Trials:
    return make_trials(_sets(), direction)


@pytest.mark.parametrize(("direction", "queries"), [("text-to-image", 2), ("image-to-text", 1)])
def test_every_query_is_put_to_collections_of_each_size(direction: str, queries: int) -> None:
    trials = _trials(direction)
    for dataset, sizes in ((0, [100, 150]), (1, [100, 120])):
        for size in sizes:
            for removed in (PRESENT, OWN, TOPIC):
                asked = (trials.dataset == dataset) & (trials.size == size) & (trials.removed == removed)
                assert asked.sum() == queries * size
                assert set(np.bincount(trials.image[asked])) <= {0, queries}


def test_what_is_relevant_is_there_or_taken_away() -> None:
    trials = _trials("image-to-text")
    assert trials.relevant[trials.removed == PRESENT].sum(axis=1).max() == 2  # captions of one image
    assert not trials.relevant[trials.removed != PRESENT].any()


def test_a_trial_agrees_with_the_scores_of_the_whole_set() -> None:
    """Where nothing is removed from all images of a set, its scores are the plain ones."""
    first = _sets()[0]
    trials = _trials("text-to-image")
    whole = trials.where((trials.dataset == 0) & (trials.size == 150) & (trials.removed == PRESENT))
    captions = [i for own in first.captions_of_image for i in own[:2]]
    scores = first.captions[captions] @ first.images.T
    expected = np.sort(scores, axis=1)[:, ::-1][:, :10]
    by_first = whole.best[np.argsort(whole.best[:, 0])]
    np.testing.assert_allclose(by_first, expected[np.argsort(expected[:, 0])], atol=1e-5)
    column = TEMPERATURES.index(0.05)
    shares = [np.log(np.exp(line / 0.05).max() / np.exp(line / 0.05).sum()) for line in scores.astype(np.float64)]
    np.testing.assert_allclose(np.sort(whole.shares[:, column]), np.sort(shares), atol=1e-4)


def test_a_topic_is_what_the_captions_say_is_near() -> None:
    """Of 150 images each topic has 6, and 5 % are 8: with the topic go all that look like the query's image."""
    trials = _trials("text-to-image")
    rows = (trials.dataset == 0) & (trials.size == 150)
    own, topic = (trials.best[rows & (trials.removed == removed), 0].mean() for removed in (OWN, TOPIC))
    assert topic < own - 0.1


def test_the_fit_is_of_maximum_likelihood_and_warns_as_often_as_it_states() -> None:
    trials = _trials("text-to-image")
    judged = judge(fit_calibration(trials), trials)
    present = trials.removed == PRESENT
    # With an intercept, a maximum-likelihood logistic regression's mean probability is the observed frequency.
    mean = MATCH_PRIOR * judged.match[present].mean() + (1 - MATCH_PRIOR) * judged.match[trials.removed == TOPIC].mean()
    assert mean == pytest.approx(MATCH_PRIOR, abs=1e-3)
    given_match = judged.confidence[present] / judged.match[present, None]
    assert given_match.mean() == pytest.approx(trials.relevant[present].mean(), abs=1e-4)
    assert judged.warned[present].mean() == pytest.approx(FALSE_ALARMS, abs=2 / present.sum())


def test_held_out_queries_are_judged_by_a_fit_without_their_image() -> None:
    trials = _trials("text-to-image")
    held_out, fitted = cross_validate(trials), judge(fit_calibration(trials), trials)
    assert held_out.confidence.shape == trials.best.shape
    assert np.abs(held_out.confidence - fitted.confidence).max() > 0
    # Labels of one image's queries turned around: what they are held to be does not depend on their own labels.
    own = (trials.dataset == 0) & (trials.image == 3)
    turned = Trials(**{**vars(trials), "relevant": np.where(own[:, None], ~trials.relevant, trials.relevant)})
    np.testing.assert_array_equal(cross_validate(turned).confidence[own], held_out.confidence[own])


def test_the_figures_hold_and_agree_with_slow_counts() -> None:
    trials = _trials("text-to-image")
    judged = cross_validate(trials)
    figures = measure(judged)
    assert figures["expected_calibration_error"] < 0.05
    assert sum(one["count"] for one in figures["reliability"]) == 10 * figures["queries"]
    absence = figures["nothing_matches"]
    some = np.random.default_rng(0).permutation(len(judged.match))[:500]
    there = [judged.match[i] for i in some if trials.removed[i] == PRESENT]
    gone = [judged.match[i] for i in some if trials.removed[i] == TOPIC]
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in there for b in gone]
    assert absence["auroc"] == pytest.approx(sum(wins) / len(wins), abs=0.05)
    assert absence["auroc"] > absence["auroc_cosine"] - 0.01


def test_a_model_whose_scores_tell_nothing_has_no_calibration() -> None:
    one = _set("noise", 120, 3)
    backwards = EncodedSet("noise", one.data, one.images, -one.captions, one.image_of_caption)
    with pytest.raises(InputError, match="nothing to calibrate"):
        fit_calibration(make_trials([backwards], "text-to-image"))


def test_both_directions_and_every_transfer_are_reported_as_json() -> None:
    figures, calibrations = evaluate_calibration(_sets())
    assert set(calibrations) == {"text-to-image", "image-to-text"}
    for one in (figures, figures["image_to_text"]):
        assert [(each["set"], each["images"]) for each in one["collections"]] == [
            ("first", 100), ("first", 150), ("second", 100), ("second", 120),
        ]  # fmt: skip
        assert [(each["fitted_on"], each["measured_on"]) for each in one["transfer"]] == [
            ("first", "second"), ("second", "first"),
        ]  # fmt: skip
    assert json.loads(json.dumps(figures)) == figures


def test_the_command_writes_what_the_model_then_reads(tmp_path: Path) -> None:
    photographs = DEMO / "photographs"
    captions = csv.DictReader((DEMO / "captions.csv").read_text(encoding="utf-8").splitlines())
    (tmp_path / "demo.txt").write_text("".join(f"{row['file']}#0\t{row['caption']}\n" for row in captions))
    written, output = tmp_path / "calibration.json", tmp_path / "figures.json"
    arguments = ["--images", photographs, "--captions", tmp_path / "demo.txt", "--write", written, "--output", output]
    result = CliRunner().invoke(app, ["calibration", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "110 images of demo" in result.stdout
    assert json.loads(output.read_text())["nothing_matches"]["auroc"] > 0.6
    calibrations = read_calibrations(written, encoder_card("semblance-base").weights_sha256)
    assert set(calibrations) == {"text-to-image", "image-to-text"}


def test_sets_that_are_not_complete_are_refused(tmp_path: Path) -> None:
    (tmp_path / "captions.txt").write_text("a.jpg#0\ta\n")
    arguments = [
        "calibration",
        "--images",
        str(tmp_path),
        "--images",
        str(tmp_path),
        "--captions",
        str(tmp_path / "captions.txt"),
    ]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InputError)
    assert "there are 2, 1 and 0" in str(result.exception)
