"""Writing goes on behind the caller, in order, within bounds, and no failure is lost."""

import threading
import time

import pytest

from indexer.ingest.background_writer import BackgroundWriter

WAIT_S = 30  # a test that would wait for ever fails instead


def test_calls_are_made_one_after_another_in_one_other_thread_and_waited_for():
    made = []
    with BackgroundWriter(2) as writer:
        for n in range(20):
            writer.submit(lambda n=n: made.append((n, threading.get_ident())))
    assert [n for n, _ in made] == list(range(20))
    assert {thread for _, thread in made}.isdisjoint({threading.get_ident()})
    assert len({thread for _, thread in made}) == 1


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_caller_goes_on_until_depth_calls_are_not_finished_and_no_further(depth):
    calls, submitted, changed = 200, 0, threading.Condition()
    overrun = []

    def call(n: int) -> None:
        with changed:  # while this call is not finished, the caller can hand over the next ones up to the bound
            assert changed.wait_for(lambda: submitted >= min(n + depth, calls), WAIT_S)
        time.sleep(0)  # lets the caller run where nothing holds it
        overrun.append(submitted - (n + depth))

    with BackgroundWriter(depth) as writer:
        for n in range(calls):
            writer.submit(lambda n=n: call(n))
            with changed:
                submitted += 1
                changed.notify_all()
    assert len(overrun) == calls
    assert max(overrun) <= 0


def test_a_failure_is_raised_and_no_later_call_is_made():
    made, entered = [], threading.Event()

    def fail() -> None:
        assert entered.wait(WAIT_S)
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"), BackgroundWriter(4) as writer:
        writer.submit(fail)
        writer.submit(lambda: made.append(1))
        entered.set()
    assert made == []


def test_a_failure_is_raised_from_the_next_call_that_must_wait():
    def fail() -> None:
        raise OSError("disk")

    with BackgroundWriter(1) as writer:
        writer.submit(fail)
        with pytest.raises(OSError, match="disk"):
            writer.submit(lambda: None)


def test_its_thread_ends_with_the_block_also_after_a_failure():
    def fail() -> None:
        raise OSError("disk")

    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("writer")]

    with BackgroundWriter(4) as writer:
        writer.submit(lambda: None)
        assert len(threads()) == 1
    assert threads() == []
    with pytest.raises(OSError, match="disk"), BackgroundWriter(4) as writer:
        for _ in range(3):
            writer.submit(fail)
    assert threads() == []


def test_an_interruption_waits_for_what_was_handed_over():
    made = []
    with pytest.raises(KeyboardInterrupt), BackgroundWriter(4) as writer:
        writer.submit(lambda: made.append(1))
        raise KeyboardInterrupt
    assert made == [1]
