"""Makes ``docs/reliability.md``: each promise with its proof, and what the proofs found."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import read_csv

_PROGRAMS = Path(__file__).parent
_RESULTS = _PROGRAMS / "results"
_COLUMNS = ("name", "value", "unit", "aim", "met", "note")

Row = Mapping[str, str]


@dataclass(frozen=True)
class Proof:
    """A program that shows that promises hold.

    Attributes:
        program: its name in ``benchmarks``, and that of its results.
        target: of the Makefile.
        promises: each a sentence.
    """

    program: str
    target: str
    promises: tuple[str, ...]


PROOFS = (
    Proof(
        "crash",
        "test-crash",
        (
            "A process that is killed at any moment, or a disk that is full or fails, damages no collection: the next "
            "run goes on, and what was published stays.",
            "A power cut loses nothing that was published.",
        ),
    ),
    Proof("damaged_files", "test-hostile", ("A damaged file is refused by name, or mended.",)),
    Proof("mutated_images", "test-hostile", ("A damaged or hostile image is an error, and nothing else.",)),
    Proof(
        "hostile_requests", "test-hostile", ("No request makes an error of the service's own, or leaves the folders.",)
    ),
    Proof(
        "hostile_uploads",
        "test-load",
        (
            "Searches by words go on while others upload the worst files; memory stays bounded and is given back.",
            "SIGTERM ends the service within its grace, whatever it does.",
        ),
    ),
    Proof(
        "overload",
        "test-load",
        ("Under too much load, what is accepted is answered in time, and the rest is refused at once.",),
    ),
    Proof(
        "explaining",
        "test-load",
        ("Explanations are quick, the same in company as alone, and take next to nothing from searches.",),
    ),
    Proof("hot_swaps", "test-load", ("New generations come into service without a failed or mixed answer.",)),
    Proof("stopping", "test-load", ("A service that is told to stop answers what it has taken.",)),
    Proof(
        "replicas",
        "test-load",
        ("Several services behind a proxy answer as one, while generations come and while they restart in turn.",),
    ),
    Proof("soak", "test-load", ("Nothing grows without end: memory, descriptors, threads.",)),
)

Machine = Callable[[Sequence[Row]], str]
Table = Callable[[Sequence[str], Sequence[Row]], str]


def reliability_page(machine: Machine, table: Table) -> str:
    """Return the page; the functions tell where rows were measured, and write a Markdown table."""
    proofs = [proof for proof in PROOFS if (_RESULTS / f"{proof.program}.csv").exists()]
    promises = [
        {"promise": promise, "shown by": f"[`make {proof.target}`](#{proof.program.replace('_', '-')})"}
        for proof in proofs
        for promise in proof.promises
    ]
    intro = (
        "Made by `python docs/generate.py` from `benchmarks/results`. Each promise is shown by a program, which "
        "`make test` runs in short and a target of its own at length. What disappoints stands here as measured."
    )
    sections = [_section(proof, machine, table) for proof in proofs]
    return "\n".join(["# Reliability\n", f"{intro}\n", table(("promise", "shown by"), promises), "", *sections])


def _section(proof: Proof, machine: Machine, table: Table) -> str:
    rows = read_csv(_RESULTS / f"{proof.program}.csv")
    tree = ast.parse((_PROGRAMS / f"{proof.program}.py").read_text(encoding="utf-8"))
    method = (ast.get_docstring(tree) or "").replace("``", "`")
    title = proof.program.capitalize().replace("_", " ")
    return f"## {title}\n\n{method}\n\n{machine(rows)}\n\n{table(_COLUMNS, rows)}\n"
