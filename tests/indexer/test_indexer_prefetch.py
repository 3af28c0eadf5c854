"""Results are computed before they are asked for, in order, within bounds, and no failure is lost."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import indexer.ingest.prefetch
from indexer.ingest.prefetch import prefetch

WAIT_S = 30  # a test that would wait for ever fails instead


def test_results_come_in_the_order_of_the_items():
    later = threading.Event()

    def square(n: int) -> int:
        if n == 0:
            assert later.wait(WAIT_S)  # the first is the last to be done
        elif n == 5:
            later.set()
        return n * n

    assert list(prefetch(square, range(100), threads=4, depth=7)) == [n * n for n in range(100)]


def test_as_many_calls_as_threads_are_made_at_once():
    together = threading.Barrier(3, timeout=WAIT_S)
    assert len(list(prefetch(lambda _: together.wait(), range(9), threads=3, depth=3))) == 9


def test_no_more_calls_than_threads_are_made_at_once():
    lock, running, most = threading.Lock(), set(), []

    def note(n: int) -> None:
        with lock:
            running.add(n)
            most.append(len(running))
        with lock:
            running.remove(n)

    list(prefetch(note, range(500), threads=2, depth=50))
    assert max(most) <= 2


def test_the_next_items_are_worked_on_while_the_caller_has_one():
    begun = [threading.Event() for _ in range(20)]
    for n in prefetch(lambda n: begun[n].set() or n, range(20), threads=1, depth=4):
        assert all(event.wait(WAIT_S) for event in begun[: n + 5])


def test_exactly_depth_items_are_taken_beyond_the_one_that_the_caller_has():
    taken = []

    def items() -> Iterator[int]:
        for n in range(50):
            taken.append(n)
            yield n

    beyond = [len(taken) - 1 - n for n in prefetch(lambda n: n, items(), threads=3, depth=5)]
    assert beyond == [5] * 45 + [4, 3, 2, 1, 0]


def test_a_failure_reaches_the_caller_and_stops_the_rest():
    asked = []

    def fail(n: int) -> int:
        asked.append(n)
        if n == 3:
            raise ValueError("third")
        return n

    results = prefetch(fail, range(1000), threads=2, depth=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="third"):
        next(results)
    assert max(asked) <= 3 + 4


def test_a_caller_that_stops_waits_for_what_runs_and_gives_up_what_waits(monkeypatch):
    running, go_on, made = threading.Event(), threading.Event(), []

    class Pool(ThreadPoolExecutor):
        """Lets the call that runs go on when those that wait have been given up."""

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            go_on.set()
            super().shutdown(wait=wait)

    monkeypatch.setattr(indexer.ingest.prefetch, "ThreadPoolExecutor", Pool)

    def note(n: int) -> int:
        if n == 1:
            running.set()
            assert go_on.wait(WAIT_S)
        made.append(n)
        return n

    results = prefetch(note, range(100), threads=1, depth=10)
    assert next(results) == 0
    assert running.wait(WAIT_S)
    results.close()
    assert made == [0, 1]
