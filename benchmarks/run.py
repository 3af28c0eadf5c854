"""The menu of benchmarks: ``python benchmarks/run.py [NAME ...] [--quick]``; results go to ``benchmarks/results``."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from benchmarks import indexing, searching
from benchmarks.figures import format_csv
from benchmarks.photographs import load_photographs
from benchmarks.provenance import provenance

RESULTS = Path(__file__).parent / "results"
BENCHMARKS = {"indexing": indexing.measure, "searching": searching.measure}


def main() -> None:
    """Run what was asked for, or everything; print each result and write it where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--baseline", type=Path, metavar="CHECKOUT", help="of another commit; searching compares both")
    parser.add_argument("--quick", action="store_true", help="a try on 200 photographs; printed, not written")
    arguments = parser.parse_args()
    if unknown := {*arguments.names} - {*BENCHMARKS}:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    photographs = load_photographs(quick=arguments.quick)
    for name in arguments.names or BENCHMARKS:
        command = f"python benchmarks/run.py {name}"
        if name == "searching" and arguments.baseline:
            commit = subprocess.check_output(
                ["git", "-C", arguments.baseline, "rev-parse", "--short", "HEAD"], text=True
            )
            figures = searching.measure(photographs, arguments.baseline)
            command = f"{command} --baseline CHECKOUT-OF-{commit.strip()}"
        else:
            figures = BENCHMARKS[name](photographs)
        text = format_csv(figures, provenance(command))
        print(text, flush=True)
        if not arguments.quick:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.csv").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
