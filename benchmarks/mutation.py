"""Plants small faults in the vector stores, in publishing and in searching, and counts how many the tests notice.

mutmut changes one thing at a time in the functions of a module (an operator, a number, an argument that is left out)
and runs those of the module's own test files, and only of them, that reach the changed function. A mutant that makes a
test fail is killed. The share is the killed of all that were tried: what outlasted its time or crashed the interpreter
(both under `timed out`) or is reached by no test does not count as killed. Code outside functions, and functions with a
decorator other than `staticmethod` and `classmethod`, are not changed. Hypothesis draws the same examples in every run.

`make mutation` runs all modules, `python benchmarks/mutation.py MODULE` one of them, such as `service/search/plan.py`,
and prints what each survivor has changed. `--limit-minutes` ends a module after so long; `--tenths` tries a sample of
the mutants: those whose number ends in one of so many digits, which are drawn with a fixed seed. What was not tried is
counted. The checkout is not touched; the faults are planted in a copy.

Most of what survives is equal in effect, so that no test can tell it from the code: `zip` without `strict` where the
lengths never differ, a default that is left out (`axis`, `allow_pickle`, the `dtype` that NumPy finds by itself),
another spelling (`SHA256`, the letters of `einsum`), one candidate more than is looked at, the sign `XX+XX` that need
only differ from a minus; or it changes nothing but time and space: how much is read at once, the indent of the
manifest, a thousandth of a time that is told.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.figures import read_csv, write_rows
from benchmarks.provenance import COLUMNS, provenance

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "mutation.csv"
AIM = 0.8
"""The share of mutants that the tests of every module are to kill."""

TESTS: Mapping[str, tuple[str, ...]] = {
    "indexer/publish.py": ("indexer/test_indexer_publish.py",),
    "indexer/store/arrays.py": ("indexer/test_indexer_arrays.py", "indexer/test_indexer_generation.py"),
    "indexer/store/brute_force.py": ("indexer/test_indexer_stores.py",),
    "indexer/store/durable.py": ("indexer/test_indexer_durable.py",),
    "indexer/store/faiss_flat.py": ("indexer/test_indexer_stores.py",),
    "indexer/store/faiss_ivf.py": ("indexer/test_indexer_stores.py",),
    "indexer/store/generation.py": (
        "indexer/test_indexer_features.py",
        "indexer/test_indexer_generation.py",
        "indexer/test_indexer_index_kind.py",
    ),
    "indexer/store/index_kind.py": ("indexer/test_indexer_index_kind.py",),
    "indexer/store/manifest.py": ("indexer/test_indexer_manifest.py",),
    "indexer/store/vector_log.py": ("indexer/test_indexer_vector_log.py",),
    "service/search/confidence.py": ("service/test_service_confidence.py",),
    "service/search/engine.py": ("service/test_service_engine.py",),
    "service/search/explanation.py": ("service/test_service_explanations.py",),
    "service/search/grammar.py": ("service/test_service_grammar.py",),
    "service/search/plan.py": ("service/test_service_plan.py",),
    "service/search/query.py": ("service/test_service_query.py",),
    "service/search/rerank.py": ("service/test_service_rerank.py",),
}
"""The files under ``tests`` that are to notice faults of a module."""

NOT_MEASURED = {
    "indexer/store/milvus_collections.py",
    "indexer/store/milvus_session.py",
    "indexer/store/milvus_store.py",
    "indexer/store/soundness.py",
    "indexer/store/vector_engine.py",
    "service/search/correction.py",
    "service/search/negation.py",
    "service/search/notices.py",
}
"""Modules that are newer than the last whole run."""

COUNTS = ("mutants", "killed", "survived", "timed_out", "not_covered", "not_tried")
HEADING = ("module", *COUNTS, "share", "tests", "mutmut", *COLUMNS)

_COUNTED_AS = {
    "killed": "killed",
    "segfault": "timed_out",  # ended by force, long after its time, or crashed
    "timeout": "timed_out",
    "no tests": "not_covered",
    "not checked": "not_tried",
    "check was interrupted by user": "not_tried",
}
_RESULT = re.compile(r"^ +(\S+__mutmut_\d+): (.+)$", re.MULTILINE)
_SEED = 0
_STOPPING_S = 30


def main() -> None:
    """Run the modules that are named, or all, and write each row when it is there."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [options] [MODULE ...]",
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="default: all")
    parser.add_argument("--limit-minutes", type=float, default=15, help="for one module; default: %(default)s")
    parser.add_argument("--tenths", type=int, choices=range(1, 11), default=10, metavar="1..10", help="default: all 10")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at once; default: one a core")
    arguments = parser.parse_args()
    if unknown := {*arguments.modules} - {*TESTS}:
        parser.error(f"no module {', '.join(sorted(unknown))}; there are: {', '.join(TESTS)}")
    rows = {row["module"]: row for row in read_csv(RESULTS)} if RESULTS.is_file() else {}
    for module in arguments.modules or TESTS:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            copy_sources(ROOT, scratch, module)
            results = run_mutants(
                scratch, module, TESTS[module], limit_s=60 * arguments.limit_minutes, tenths=arguments.tenths,
                processes=arguments.processes,
            )  # fmt: skip
            print_survivors(scratch, results)
        sample = f" --tenths {arguments.tenths}" if arguments.tenths < 10 else ""
        rows[module] = row_of(module, tally(results), f"python benchmarks/mutation.py {module}{sample}")
        print(", ".join(f"{name} {rows[module][name]}" for name in ("module", *COUNTS, "share")), flush=True)
        write_rows(RESULTS, HEADING, [rows[known] for known in TESTS if known in rows])


def copy_sources(root: Path, scratch: Path, module: str) -> None:
    """Copy the package of a module and the tests; the other packages stay where they are, weights and all."""
    for name in (Path(module).parts[0], "tests", "docs"):
        if (root / name).is_dir():
            shutil.copytree(root / name, scratch / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(root / "pyproject.toml", scratch / "pyproject.toml")
    (scratch / "mutants").mkdir()  # Python never looks again at a folder of PYTHONPATH that was not there


def run_mutants(
    scratch: Path, module: str, tests: Sequence[str], *, limit_s: float, tenths: int = 10, processes: int = 1
) -> dict[str, str]:
    """Run the mutants of a module of a copy.

    Args:
        scratch: where `copy_sources` has copied to.
        module: path within the checkout.
        tests: files under ``tests`` that are run.
        limit_s: after which no further mutant is tried, in seconds.
        tenths: how many of the ten digits that a mutant's number may end in are tried.
        processes: how many mutants are tried at once.

    Returns:
        What became of each mutant, in mutmut's words.

    Raises:
        RuntimeError: mutmut ended with an error, such as tests that fail without any fault.
    """
    with (scratch / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(_configuration(module, tests))
    log = scratch / "mutmut.log"
    sample = [] if tenths == 10 else [f"*[{''.join(random.Random(_SEED).sample('0123456789', tenths))}]"]
    with log.open("w", encoding="utf-8") as output:
        mutmut = subprocess.Popen(
            [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes), *sample],
            cwd=scratch, env=_environment(scratch), stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        in_time = True
        try:
            mutmut.wait(limit_s)
        except subprocess.TimeoutExpired:
            in_time = False
        finally:
            _stop(mutmut)
    if in_time and mutmut.returncode:
        raise RuntimeError(f"mutmut ended with status {mutmut.returncode}:\n{log.read_text(encoding='utf-8')[-4000:]}")
    return dict(_RESULT.findall(_mutmut(scratch, "results", "--all", "true")))


def print_survivors(scratch: Path, results: Mapping[str, str]) -> None:
    """Print the lines that each mutant has changed which no test noticed."""
    for name, status in results.items():
        if _COUNTED_AS.get(status) not in ("killed", "not_tried"):
            changed = [line for line in _mutmut(scratch, "show", name).splitlines() if re.match(r"[-+](?![-+])", line)]
            print("\n".join([f"{name}: {status}", *changed]), flush=True)


def tally(results: Mapping[str, str]) -> dict[str, int]:
    """Count the mutants by what became of them; what is neither clear nor a time-out has survived."""
    counted = Counter(_COUNTED_AS.get(status, "survived") for status in results.values())
    return {"mutants": len(results), **{name: counted[name] for name in COUNTS[1:]}}


def share(counts: Mapping[str, int]) -> float:
    """Return the share of the killed among the mutants that were tried."""
    return counts["killed"] / max(counts["mutants"] - counts["not_tried"], 1)


def row_of(module: str, counts: Mapping[str, int], command: str) -> dict[str, str]:
    """Return the row of a module in the file of results."""
    return {
        "module": module,
        **{name: str(counts[name]) for name in COUNTS},
        "share": f"{share(counts):.3f}",
        "tests": " ".join(TESTS[module]),
        "mutmut": version("mutmut"),
        **provenance(command),
    }


def _configuration(module: str, tests: Sequence[str]) -> str:
    options = {
        "source_paths": [Path(module).parts[0]],
        "only_mutate": [module],
        "also_copy": ["docs"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": [f"tests/{name}" for name in tests],
        "timeout_constant": 2.0,  # seconds, for tests that take next to none when nothing else runs
        "use_git_change_detection": False,
    }
    return "\n[tool.mutmut]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())


def _environment(scratch: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(scratch / "mutants"), str(ROOT)]),
        "CI": "true",  # Hypothesis then draws the same examples in every run, and has no deadline
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",  # a forked process waits for ever for the threads of OpenMP that stayed behind
        "OPENBLAS_NUM_THREADS": "1",
    }


def _mutmut(scratch: Path, *command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *command],
        cwd=scratch, env=_environment(scratch), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def _stop(mutmut: subprocess.Popen[bytes]) -> None:
    """End what still runs: by an interrupt first, so that the results are written whole."""
    if mutmut.poll() is None:
        mutmut.send_signal(signal.SIGINT)
        try:
            mutmut.wait(_STOPPING_S)
        except subprocess.TimeoutExpired:
            os.killpg(mutmut.pid, signal.SIGKILL)
            mutmut.wait()


if __name__ == "__main__":
    main()
