"""The mutation run: on a small module of whose mutants the fate is known, over all modules, and as its result ships."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.figures import read_csv
from benchmarks.mutation import (
    AIM,
    COUNTS,
    NOT_MEASURED,
    RESULTS,
    ROOT,
    TESTS,
    copy_sources,
    print_survivors,
    run_mutants,
    share,
    tally,
)
from benchmarks.provenance import COLUMNS

pytestmark = pytest.mark.slow

MODULE = """
def larger(a: int, b: int) -> int:
    return a if a > b else b


def forgotten(a: int) -> int:
    return a + 1
"""
NOTICES = """
from service.small import larger


def test_larger() -> None:
    assert larger(1, 2) == 2
    assert larger(4, 3) == 4
"""


def checkout(root: Path, test: str) -> Path:
    """Write a checkout of one module and its test."""
    for name, text in {
        "service/__init__.py": "",
        "service/small.py": MODULE,
        "tests/test_small.py": test,
        "pyproject.toml": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def run_small(tmp_path: Path, test: str, tenths: int = 10) -> dict[str, str]:
    root, scratch = checkout(tmp_path / "checkout", test), tmp_path / "scratch"
    scratch.mkdir()
    copy_sources(root, scratch, "service/small.py")
    results = run_mutants(scratch, "service/small.py", ["test_small.py"], limit_s=120, tenths=tenths, processes=2)
    print_survivors(scratch, results)
    assert (root / "service" / "small.py").read_text(encoding="utf-8") == MODULE
    return results


def test_what_a_test_notices_is_killed_and_the_rest_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = run_small(tmp_path, NOTICES)
    assert Counter(fate for name, fate in results.items() if "larger" in name) == {"killed": 2, "survived": 1}
    assert Counter(fate for name, fate in results.items() if "forgotten" in name) == {"no tests": 2}
    told = capsys.readouterr().out
    assert "survived\n-    return a if a > b else b\n+    return a if a >= b else b\n" in told
    assert "no tests\n-    return a + 1\n+    return a - 1\n" in told


def test_a_sample_leaves_mutants_out_by_the_last_digit_of_their_number(tmp_path: Path) -> None:
    results = run_small(tmp_path, NOTICES, tenths=5)
    tried = {name[-1] for name, fate in results.items() if fate != "not checked"}
    assert tried == {"2"} < {name[-1] for name in results}
    assert tally(results)["not_tried"] == 3


def test_tests_that_fail_without_a_fault_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="larger"):
        run_small(tmp_path, NOTICES.replace("== 2", "== 1"))


def test_only_the_killed_count_and_only_the_tried_are_counted() -> None:
    fates = ["killed"] * 6 + ["survived", "suspicious", "timeout", "segfault", "no tests", "not checked"]
    counts = tally({str(number): fate for number, fate in enumerate(fates)})
    assert counts == {"mutants": 12, "killed": 6, "survived": 2, "timed_out": 2, "not_covered": 1, "not_tried": 1}
    assert share(counts) == 6 / 11


def test_every_module_with_a_function_has_its_tests() -> None:
    files = [
        *(ROOT / "indexer/store").glob("*.py"),
        ROOT / "indexer/publish.py",
        *(ROOT / "service/search").glob("*.py"),
    ]
    without_code = {"indexer/store/__init__.py", "indexer/store/base.py", "service/search/__init__.py"}
    on_a_gpu_alone = {"indexer/store/faiss_gpu.py"}
    measured = {str(file.relative_to(ROOT)) for file in files} - without_code - on_a_gpu_alone - NOT_MEASURED
    assert measured == {*TESTS}
    assert all((ROOT / "tests" / name).is_file() for names in TESTS.values() for name in names)


def test_the_shipped_result_holds_every_module_and_meets_the_aim() -> None:
    rows = read_csv(RESULTS)
    assert [row["module"] for row in rows] == list(TESTS)
    for row in rows:
        counts = {name: int(row[name]) for name in COUNTS}
        assert counts["mutants"] == sum(counts[name] for name in COUNTS[1:])
        assert row["share"] == f"{share(counts):.3f}"
        assert share(counts) >= AIM, row["module"]
        assert all(row[column] for column in COLUMNS)
