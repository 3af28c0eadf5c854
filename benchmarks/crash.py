"""Interrupts the indexer at every system call that changes its data folder, and counts what is wrong afterwards.

`make test-crash` kills before, in and after every such call of a first build, updates, a deletion, a migration, an
import and a rollback with the toy encoder; lets each of them fail for want of space (ENOSPC, from then on) and once for
a failing disk (EIO); and replays recorded calls up to random cuts of power without what no fsync covered, and with some
of it. Then the real program is killed at random calls while it indexes photographs with the model that ships. After
every case what can be read must be the state before or the one after, what was acknowledged must be there, and the next
run must succeed and answer as one that was never interrupted. The cases are those of `tests/crash`; any that goes wrong
is printed.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "crash"), str(ROOT / "tests")]

from faults import MODES, Case, build_shim, environment, interrupt  # noqa: E402 - after its folder is known
from scenarios import SCENARIOS  # noqa: E402

from benchmarks.figures import Figure, format_csv, read_csv, write_rows  # noqa: E402
from benchmarks.provenance import provenance  # noqa: E402
from indexer.collections import verify_collection  # noqa: E402
from indexer.store.generation import open_current  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "crash.csv"
KILLS, FAILURES = ("before", "within", "after"), ("ENOSPC", "EIO")
INTERRUPTIONS = {
    "killed before, in or after a call": KILLS,
    "disk full from a call on": ("ENOSPC",),
    "a call that fails": ("EIO",),
    "power cut": ("power", "power, some of it written"),
}
REAL = "the real program"
PHOTOGRAPHS = 24


def main() -> None:
    """Run all scenarios, or one, and write what came of them."""
    arguments = _arguments()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        shim = build_shim(folder)
        if shim is None:
            sys.exit("make test-crash needs a C compiler: cc, or the one that CC names")
        cases = [case for found in _all_cases(shim, folder, arguments) for case in found]
    figures = list(figures_of(cases))
    for figure in figures:
        print(f"{figure.name}: {figure.value:.0f} of {figure.note}")
    if arguments.write:
        text = format_csv(figures, provenance(" ".join(["python benchmarks/crash.py", *sys.argv[1:]])))
        merge(list(csv.DictReader(io.StringIO(text))))
    sys.exit(any(case.outcome for case in cases))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--scenario", choices=[*(scenario.name for scenario in SCENARIOS), REAL])
    parser.add_argument("--every", type=int, default=1, help="each how-many-th call")
    parser.add_argument("--cuts", type=int, default=120, help="of power, for each scenario, each replayed twice")
    parser.add_argument("--real", type=int, default=100, help="kills of the real program")
    parser.add_argument("--jobs", type=int, default=2, help="scenarios at the same time")
    parser.add_argument("--write", action="store_true", help="write the results")
    return parser.parse_args()


def _all_cases(shim: Path, folder: Path, arguments: argparse.Namespace) -> Iterator[list[Case]]:
    def toy(scenario: str) -> list[Case]:
        return _toy_cases(shim, folder / scenario, scenario, arguments)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        yield from pool.map(toy, [one.name for one in SCENARIOS if arguments.scenario in (None, one.name)])
    if arguments.scenario in (None, REAL):
        yield list(_real_cases(shim, folder / "real", arguments.real))


def _toy_cases(shim: Path, folder: Path, scenario: str, arguments: argparse.Namespace) -> list[Case]:
    folder.mkdir()
    plan = {
        "scenario": scenario,
        "modes": [*KILLS, *FAILURES],
        "every": arguments.every,
        "first": 1,
        "cuts": arguments.cuts,
        "fault": None,
    }
    cases = []
    for case in interrupt(shim, folder, plan):
        _tell(case)
        cases.append(case)
    shutil.rmtree(folder)
    return cases


def _real_cases(shim: Path, folder: Path, kills: int) -> Iterator[Case]:
    """Kill the program that people run, at random calls; the model is converted once, before."""
    photographs, data = folder / "photographs", folder / "data"
    photographs.mkdir(parents=True)
    for path in sorted((ROOT / "demo" / "photographs").iterdir())[:PHOTOGRAPHS]:
        shutil.copy(path, photographs)
    _index(shim, data, photographs)
    whole, chance = _content(data), random.Random(0)
    calls = _calls_of_the_real_program(shim, data, photographs)
    for _ in range(kills):
        number, mode = chance.randint(1, calls), chance.choice(KILLS)
        shutil.rmtree(data)
        data.mkdir()
        armed = {"SHIM_FOLDER": str(data), "SHIM_MODE": str(MODES[mode]), "SHIM_NUMBER": str(number)}
        _index(shim, data, photographs, armed)
        again = _index(shim, data, photographs)
        outcome = f"wedged: {again}" if again else "" if _content(data) == whole else "lost: another answer"
        case = Case(REAL, mode, number, outcome)
        _tell(case)
        yield case


def _index(shim: Path, data: Path, photographs: Path, armed: dict[str, str] | None = None) -> str:
    """Run ``semblance index``; return its complaint, or an empty text."""
    command = [sys.executable, "-m", "service.cli", "index", photographs, "--collection", "real", "--data-dir", data]
    done = subprocess.run(command, env=environment(shim) | (armed or {}), capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def _calls_of_the_real_program(shim: Path, data: Path, photographs: Path) -> int:
    """Return about how many calls there are: half of the range would be wasted where kills came after the end."""
    low, high = 1, 4096
    while high - low > 16:
        middle = (low + high) // 2
        shutil.rmtree(data)
        data.mkdir()
        armed = {"SHIM_FOLDER": str(data), "SHIM_MODE": str(MODES["before"]), "SHIM_NUMBER": str(middle)}
        _index(shim, data, photographs, armed)
        low, high = (low, middle) if _is_whole(data) else (middle, high)
    return low


def _is_whole(data: Path) -> bool:
    return (data / "collections" / "real" / "CURRENT").exists()


def _content(data: Path) -> list[object]:
    """Return what readers see, but for when images were first indexed."""
    assert verify_collection(data, "real").problems == ()
    with open_current(data / "collections" / "real") as generation:
        records = generation.catalog.images_at(range(generation.catalog.image_count))
        vectors = generation.vector_set(generation.models[0], "image").matrix
        return [[(record.id, record.path, record.captions) for record in records], vectors.round(4).tobytes()]


def _tell(case: Case) -> None:
    if case.outcome:
        print(case.scenario, case.mode, case.number, case.outcome, file=sys.stderr, flush=True)


def figures_of(cases: Sequence[Case]) -> Iterator[Figure]:
    """Count for each scenario and kind of interruption the cases after which something was wrong."""
    for scenario in dict.fromkeys(case.scenario for case in cases):
        for kind, modes in INTERRUPTIONS.items():
            these = [case for case in cases if case.scenario == scenario and case.mode in modes]
            if these:
                wrong = Counter(case.outcome.partition(":")[0] for case in these if case.outcome)
                note = f"{len(these):,} cases at {len({case.number for case in these}):,} calls"
                told = ", ".join([note, *(f"{count} {what}" for what, count in wrong.items())])
                yield Figure(f"{scenario}, {kind}: something is wrong afterwards", wrong.total(), "cases", "<= 0", told)


def merge(rows: Sequence[Mapping[str, str]]) -> None:
    """Put rows into the results in the place of those of the same scenarios."""
    run = {_scenario(row) for row in rows}
    kept = [row for row in (read_csv(RESULTS) if RESULTS.exists() else []) if _scenario(row) not in run]
    order = [*(scenario.name for scenario in SCENARIOS), REAL]
    write_rows(RESULTS, list(rows[0]), sorted([*kept, *rows], key=lambda row: order.index(_scenario(row))))


def _scenario(row: Mapping[str, str]) -> str:
    return row["name"].partition(",")[0]


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    main()
