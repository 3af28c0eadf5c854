"""Interrupts each scenario at each system call that changes the data folder, and checks what is left; a program.

``python interrupt.py FOLDER PLAN``, started with the library of ``faults``. FOLDER is empty and on any disk. PLAN is
JSON: ``scenario`` (its name, or null for all), ``modes``, ``every`` (each how-many-th call, from ``first`` on),
``cuts`` (of power, for each scenario) and ``fault`` (one to plant, which must be found, or null). Each line of the
output is a case: scenario, mode, call, and the outcome, which is empty where all is well. Everything is imported once;
a case is a fork.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import random
import shutil
import signal
import sys
import traceback
from pathlib import Path

from faults import Faults, in_fork
from power_loss import Trace
from scenarios import SCENARIOS, Scenario, leftovers, state, verify

from models.errors import SemblanceError

KILLS = ("before", "within", "after")
FAILURES = {"ENOSPC": ("from", errno.ENOSPC), "EIO": ("once", errno.EIO)}
DONE, REFUSED = "done", "refused"


class Interrupter:
    """Runs the cases of one scenario.

    Args:
        scenario: what is interrupted.
        folder: empty, for everything.
    """

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self._scenario, self._faults = scenario, Faults()
        self._base, self._beside, self._data = folder / "base", folder / "beside", folder / "data"
        self._trace = folder / "trace"
        scenario.prepare(self._data, self._beside)
        self._data.rename(self._base)
        self._reset()
        self._before = state(self._data)
        scenario.act(self._data, self._beside)
        self._after = state(self._data)
        gc.freeze()  # or every fork would copy what it holds

    def count(self) -> int:
        """Return how many calls the scenario makes."""
        self._reset()

        def run() -> str:
            self._faults.arm(self._data, "count")
            self._scenario.act(self._data, self._beside)
            return str(self._faults.count())

        return int(in_fork(run)[1])

    def kill(self, mode: str, number: int) -> str:
        """Die at one call; return what is wrong afterwards, or an empty text."""
        self._reset()

        def run() -> str:
            self._faults.arm(self._data, mode, number)
            self._scenario.act(self._data, self._beside)
            return DONE

        status, told = in_fork(run)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL) and told != DONE:
            return f"unclean: ended with {status}"
        return self._checked(acknowledged=told == DONE)

    def fail(self, mode: str, number: int, error: int) -> str:
        """Let a call fail; return what is wrong afterwards, or an empty text."""
        self._reset()

        def run() -> str:
            self._faults.arm(self._data, mode, number, error)
            try:
                self._scenario.act(self._data, self._beside)
            except SemblanceError:
                return REFUSED
            except Exception:  # noqa: BLE001 - whatever comes is what is looked for
                return traceback.format_exc()
            return DONE

        _, told = in_fork(run)
        if told not in (DONE, REFUSED):
            return f"unclean: {told}"
        return self._checked(acknowledged=told == DONE)

    def record(self) -> Trace:
        """Run the scenario once and return what it asked of the disk."""
        self._reset()

        def run() -> str:
            self._faults.record(self._data, self._trace)
            self._scenario.act(self._data, self._beside)
            return DONE

        assert in_fork(run)[1] == DONE
        return Trace.read(self._trace, self._data, self._base)

    def lose_power(self, trace: Trace, calls: int, chance: random.Random | None) -> str:
        """Leave what a power cut after so many calls leaves; return what is wrong, or an empty text."""
        shutil.rmtree(self._data)
        trace.write_remains(calls, self._data, chance)
        return self._checked(acknowledged=calls == len(trace.calls))

    def _checked(self, *, acknowledged: bool) -> str:
        status, told = in_fork(lambda: self._check(acknowledged=acknowledged))
        return told if status == 0 else f"corrupt: the check ended with {status}"

    def _check(self, *, acknowledged: bool) -> str:
        try:
            readable = state(self._data)
        except Exception:  # noqa: BLE001 - whatever comes is what is looked for
            return f"corrupt: {traceback.format_exc()}"
        if readable not in (self._before, self._after):
            return "corrupt: neither the state before nor the one after"
        if acknowledged and readable != self._after:
            return "lost: what was acknowledged is not there"
        try:
            self._scenario.act(self._data, self._beside)
            found = state(self._data)
        except Exception:  # noqa: BLE001 - whatever comes is what is looked for
            return f"wedged: {traceback.format_exc()}"
        if found != self._after:
            return "lost: the next run answers otherwise"
        if found and (problems := verify(self._data)):
            return f"corrupt: {problems}"
        return f"left over: {left}" if (left := leftovers(self._data)) else ""

    def _reset(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        shutil.copytree(self._base, self._data)


def plant(fault: str) -> None:
    """Break what the cases are to find: files are not flushed, or are replaced by writing over them."""
    if fault == "no fsync":
        os.fsync = lambda descriptor: None
    else:

        def write_over(self: Path, target: Path) -> None:
            target.write_bytes(self.read_bytes())
            self.unlink()

        Path.replace = write_over


def main(folder: Path, plan: dict) -> None:
    """Run the cases of a plan."""
    if plan["fault"]:
        plant(plan["fault"])
    for place, scenario in enumerate(SCENARIOS):
        if plan["scenario"] in (None, scenario.name):
            (folder / str(place)).mkdir()
            _run(Interrupter(scenario, folder / str(place)), scenario.name, plan)


def _run(interrupter: Interrupter, name: str, plan: dict) -> None:
    calls = interrupter.count()
    for mode in plan["modes"]:
        for number in range(plan["first"], calls + 1, plan["every"]):
            if mode in KILLS:
                outcome = interrupter.kill(mode, number)
            else:
                outcome = interrupter.fail(FAILURES[mode][0], number, FAILURES[mode][1])
            print(json.dumps([name, mode, number, outcome]), flush=True)
    if plan["cuts"]:
        trace, chance = interrupter.record(), random.Random(0)
        last = len(trace.calls)
        cuts = sorted({last, *chance.sample(range(last), min(last, plan["cuts"] - 1))})
        for cut in cuts:
            print(json.dumps([name, "power", cut, interrupter.lose_power(trace, cut, None)]), flush=True)
            outcome = interrupter.lose_power(trace, cut, random.Random(cut))
            print(json.dumps([name, "power, some of it written", cut, outcome]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
