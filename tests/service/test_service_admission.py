"""Bounded waiting, and work that ends when nobody waits for it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from service.serving.admission import Admission, ClientGoneError, while_connected
from service.serving.threads import OverloadedError, run_in


def test_beyond_the_limit_a_request_is_refused_at_once_and_counted() -> None:
    refused: list[str] = []
    admission = Admission("searches", 2, refused.append)
    with admission.admit(), admission.admit(), pytest.raises(OverloadedError, match="2 searches"), admission.admit():
        pass
    with admission.admit():
        assert admission.admitted == 1
    assert refused == ["searches"]
    assert admission.admitted == 0


class _Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def busy(admission: Admission, clock: _Clock, between_s: float, waiting: int, answers: int = 400) -> ExitStack:
    """Keep so many requests waiting, of which one is answered after the other, and return them."""
    places = deque(_entered(admission) for _ in range(waiting))
    for _ in range(answers):
        clock.now += between_s
        places.popleft().close()
        places.append(_entered(admission))
    stack = ExitStack()
    for place in places:
        stack.push(place)
    return stack


def _entered(admission: Admission) -> ExitStack:
    place = ExitStack()
    place.enter_context(admission.admit())
    return place


class TestTime:
    """How long those who are here will take decides whether one more may wait."""

    def test_the_slower_the_answers_the_fewer_may_wait(self) -> None:
        for between_s, places in ((0.01, 50), (0.02, 25), (0.0001, 64)):
            clock = _Clock()
            admission = Admission("searches", 64, max_wait_s=0.5, clock=clock)
            with busy(admission, clock, between_s, waiting=10), ExitStack() as more:
                with pytest.raises(OverloadedError):
                    for _ in range(100):
                        more.enter_context(admission.admit())
                assert abs(admission.admitted - places) <= 1

    def test_idle_time_between_answers_does_not_count(self) -> None:
        clock = _Clock()
        admission = Admission("searches", 64, max_wait_s=0.5, clock=clock)
        for _ in range(100):
            with admission.admit(), admission.admit():
                clock.now += 0.01
            clock.now += 5
        with ExitStack() as burst:
            for _ in range(64):
                burst.enter_context(admission.admit())

    def test_after_a_halt_a_few_are_let_in_and_the_time_is_measured_anew(self) -> None:
        clock = _Clock()
        admission = Admission("searches", 64, max_wait_s=0.5, clock=clock)
        few = 2 * (os.cpu_count() or 1)
        with busy(admission, clock, 60, waiting=few, answers=100):
            assert admission.expected_wait_s > 100
            with pytest.raises(OverloadedError):
                admission.check()
        with busy(admission, clock, 0.001, waiting=few, answers=2000):
            admission.check()

    def test_a_failure_is_no_answer(self) -> None:
        admission = Admission("searches", 64, max_wait_s=0.5)
        with pytest.raises(ValueError), admission.admit():
            raise ValueError
        assert (admission.admitted, admission.expected_wait_s) == (0, 0)


class TestExpiry:
    """Work that has not begun when it is too late is not done."""

    def test_what_waits_is_dropped_and_what_runs_is_finished(self) -> None:
        go_on, done, refused = threading.Event(), [], []
        admission = Admission("searches", 9, refused.append, begin_within_s=0.05)

        def work(name: str) -> str:
            assert go_on.wait(20)
            done.append(name)
            return name

        async def ask(pool: ThreadPoolExecutor, name: str) -> str:
            with admission.admit():
                return await run_in(pool, work, name)

        async def run() -> None:
            with ThreadPoolExecutor(1) as pool:
                running, waiting = (asyncio.create_task(ask(pool, name)) for name in ("running", "waiting"))
                with pytest.raises(OverloadedError, match="dropped"):
                    await waiting
                go_on.set()
                assert await running == "running"

        asyncio.run(run())
        assert (done, refused, admission.admitted) == (["running"], ["searches"], 0)

    def test_it_is_too_late_for_the_second_step_as_well(self) -> None:
        admission = Admission("searches", 9, begin_within_s=0.05)
        done: list[str] = []

        async def run() -> None:
            with ThreadPoolExecutor(1) as pool, pytest.raises(OverloadedError), admission.admit():
                await run_in(pool, time.sleep, 0.2)
                blocker = pool.submit(time.sleep, 0.2)
                try:
                    await run_in(pool, done.append, "second")
                finally:
                    blocker.result()

        asyncio.run(run())
        assert done == []


def test_work_that_is_done_in_time_gives_its_result() -> None:
    async def run() -> str:
        return await while_connected(asyncio.sleep(60), asyncio.sleep(0, "done"))

    assert asyncio.run(run()) == "done"


def test_when_the_client_goes_the_work_is_cancelled_and_has_ended() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def run() -> None:
        with pytest.raises(ClientGoneError):
            await while_connected(asyncio.sleep(0), work())
        assert ended

    asyncio.run(run())


def test_a_cancelled_caller_waits_for_work_that_already_runs_but_not_for_what_waits() -> None:
    started, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def work(name: str) -> None:
        started.set()
        assert go_on.wait(20)
        done.append(name)

    async def run() -> None:
        with ThreadPoolExecutor(1) as pool:
            running, waiting = (asyncio.create_task(run_in(pool, work, name)) for name in ("running", "waiting"))
            await asyncio.to_thread(started.wait)
            waiting.cancel()
            running.cancel()
            await asyncio.sleep(0.01)
            assert waiting.done()
            assert not running.done()
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert done == ["running"]

    asyncio.run(run())
