"""Work runs ahead and behind, in order, within bounds, and never swallows a failure."""

import threading

import pytest

from indexer.ingest.overlap import Behind, ahead


def test_results_come_in_the_order_of_the_items():
    assert list(ahead(lambda n: n * n, range(100), threads=4, depth=7)) == [n * n for n in range(100)]


def test_never_more_than_depth_items_are_under_way():
    started = []

    def note(n: int) -> int:
        started.append(n)
        return n

    for result in ahead(note, range(50), threads=3, depth=5):
        assert max(started) <= result + 5


def test_a_failure_reaches_the_caller_and_stops_the_rest():
    asked = []

    def fail(n: int) -> None:
        asked.append(n)
        if n == 3:
            raise ValueError("third")

    with pytest.raises(ValueError, match="third"):
        list(ahead(fail, range(1000), threads=2, depth=4))
    assert len(asked) < 20


def test_calls_behind_are_made_one_after_another_and_waited_for():
    made = []
    with Behind(2) as behind:
        for n in range(20):
            behind.do(lambda n=n: made.append((n, threading.get_ident())))
    assert [n for n, _ in made] == list(range(20))
    assert len({thread for _, thread in made}) == 1


def test_a_failure_behind_is_raised_and_no_later_call_is_made():
    made, entered = [], threading.Event()

    def fail() -> None:
        entered.wait()
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"), Behind(4) as behind:
        behind.do(fail)
        behind.do(lambda: made.append(1))
        entered.set()
    assert made == []


def test_an_interruption_waits_for_what_was_handed_over():
    made = []
    with pytest.raises(KeyboardInterrupt), Behind(4) as behind:
        behind.do(lambda: made.append(1))
        raise KeyboardInterrupt
    assert made == [1]
