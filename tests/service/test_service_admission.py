"""Bounded waiting, and work that ends when nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.serving.admission import Admission, ClientGoneError, OverloadedError, while_connected
from service.serving.threads import run_in


def test_beyond_the_limit_a_request_is_refused_at_once_and_counted() -> None:
    refused: list[str] = []
    admission = Admission("searches", 2, refused.append)
    with admission.admit(), admission.admit(), pytest.raises(OverloadedError, match="2 searches"), admission.admit():
        pass
    with admission.admit():
        assert admission.admitted == 1
    assert refused == ["searches"]
    assert admission.admitted == 0


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
