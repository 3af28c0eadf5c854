"""Short forms of the proofs under load that `make test-load` runs at length, and their arithmetic by hand."""

import pytest

from benchmarks import hot_swaps, stopping
from benchmarks.open_loop import Reply, Run
from benchmarks.soak import slope_per_h


def test_no_answer_mixes_generations_while_they_change() -> None:
    figures = {figure.name: figure for figure in hot_swaps.measure(swaps=4, clients=2)}
    assert figures["failed searches"].value == 0
    assert figures["answers that mix generations"].value == 0
    assert figures["generations that answered"].value >= 2


def test_a_mixed_answer_would_be_noticed() -> None:
    held = {1: frozenset("ab"), 2: frozenset("bc")}
    seen = [(200, 1, frozenset("ab")), (200, 1, frozenset("abc")), (200, -1, frozenset("b")), (500, 0, frozenset())]
    figures = {figure.name: figure.value for figure in hot_swaps.judge(seen, held, swaps=1)}
    assert figures["answers that mix generations"] == 2
    assert figures["failed searches"] == 1


def test_a_service_that_is_told_to_stop_answers_what_it_took() -> None:
    figures = {figure.name: figure for figure in stopping.measure(stops=1)}
    assert figures["requests taken and not answered"].value == 0
    assert figures["end after SIGTERM, longest"].met == "yes"


def test_a_slope_is_told_by_the_hour_with_its_upper_bound() -> None:
    slope, bound = slope_per_h([(0, 100.0), (1800, 101.0), (3600, 102.0)])
    assert (slope, bound) == (pytest.approx(2.0), pytest.approx(2.0))
    slope, bound = slope_per_h([(0, 100.0), (1200, 103.0), (2400, 99.0), (3600, 102.0)])
    # By hand: at -.5, -1/6, 1/6 and .5 hours; slope .6, residuals -.7, 2.1, -2.1, .7, error sqrt(9.8 / 2 / (5 / 9)).
    assert slope == pytest.approx(0.6)
    assert bound == pytest.approx(0.6 + 1.96 * (9.8 / 2 / (5 / 9)) ** 0.5)


def test_replies_are_told_apart_by_their_status() -> None:
    run = Run((Reply(0, 0.1, 200), Reply(0, 0.1, 503), Reply(0, 0.1, 0)), 0.0)
    assert [reply.status for reply in run.with_status(200, 503)] == [200, 503]
