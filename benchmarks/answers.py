"""Compares the answers of every route on the demonstration before and after a change.

``python benchmarks/answers.py record ADDRESS FILE`` asks a running service that has indexed ``demo/photographs`` with
``demo/captions.csv`` everything that ``benchmarks/routes`` lists, also of each further model and matcher that the
collection holds. ``python benchmarks/answers.py compare BEFORE AFTER`` tells by how much two such files differ, and
ends with status 1 where they differ by more than the tolerance.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import httpx

from benchmarks.comparison import Comparison, compare
from benchmarks.provenance import provenance
from benchmarks.routes.ask import Ask, Demonstration
from benchmarks.routes.catalog import collections, images, not_asked, pages
from benchmarks.routes.explanations import explained_uploads, explanations, refused_explanations
from benchmarks.routes.image_searches import generated_captions, image_searches, refused_image_searches
from benchmarks.routes.recording import record
from benchmarks.routes.text_searches import refused_text_searches, text_searches

FLOAT32 = 1e-5
"""By how much scores may differ that were computed in float32; in bfloat16, 2e-3 is what its rounding makes of them."""

_TIMEOUT_S = 120
_SHOWN = 20
_ASKED: tuple[Callable[[Demonstration], Iterator[Ask]], ...] = (
    text_searches,
    refused_text_searches,
    image_searches,
    generated_captions,
    refused_image_searches,
    explanations,
    refused_explanations,
    explained_uploads,
    images,
    lambda _: pages(),
    collections,  # last, for it takes a newer generation into service
)


def main(argv: list[str] | None = None) -> int:
    """Record or compare; returns the exit status."""
    arguments = _arguments(argv)
    command = shlex.join(["python", "benchmarks/answers.py", *(sys.argv[1:] if argv is None else argv)])
    try:
        if arguments.do == "record":
            return _record(arguments, command)
        return _compare(arguments, command)
    except (OSError, ValueError, KeyError, httpx.HTTPError) as error:
        print(f"answers: {error}", file=sys.stderr)
        return 2


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="do", required=True)
    recording = commands.add_parser("record", help="ask a running service every route and write its answers")
    recording.add_argument("address", help="of the service, such as http://127.0.0.1:8000")
    recording.add_argument("file", type=Path, help="JSON file to write")
    recording.add_argument("--collection", default="demo", help="that the demonstration was indexed as")
    recording.add_argument("--commit", help="of the service's code; default: of this program's")
    comparing = commands.add_parser("compare", help="tell by how much two recordings differ")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--tolerance", type=float, default=FLOAT32, help="of scores and other numbers")
    comparing.add_argument("--output", type=Path, help="JSON file to write the comparison to")
    return parser.parse_args(argv)


def _record(arguments: argparse.Namespace, command: str) -> int:
    with httpx.Client(base_url=arguments.address, timeout=_TIMEOUT_S) as client:
        described = client.get(f"/collections/{arguments.collection}").raise_for_status().json()
        demonstration = Demonstration(described)
        some_image = next(iter(demonstration.ids.values()))
        client.get(f"/images/{some_image}", params={"collection": demonstration.name}).raise_for_status()
        answers = record(client, chain.from_iterable(asked(demonstration) for asked in _ASKED))
    if left_out := not_asked(answers):
        raise ValueError(f"the service has routes that are not asked: {', '.join(left_out)}")
    origin = provenance(command)
    if arguments.commit:
        origin["commit"] = arguments.commit
    _write(arguments.file, {"provenance": origin, "answers": answers})
    print(f"{sum(map(len, answers.values()))} answers of {len(answers)} routes in {arguments.file}")
    return 0


def _compare(arguments: argparse.Namespace, command: str) -> int:
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (arguments.before, arguments.after))
    routes = compare(before["answers"], after["answers"], arguments.tolerance)
    equal = all(route.equal for route in routes.values())
    print(format_comparison(routes))
    if arguments.output:
        compared = {
            "equal": equal,
            "tolerance": arguments.tolerance,
            "provenance": provenance(command),
            "before": before["provenance"],
            "after": after["provenance"],
            "routes": {name: {"equal": route.equal, **asdict(route)} for name, route in routes.items()},
        }
        _write(arguments.output, compared)
    return 0 if equal else 1


def format_comparison(routes: Mapping[str, Comparison]) -> str:
    """Return a line a route, and below them what differs, the first of each kind."""
    width = max(map(len, routes), default=0)
    lines = [f"{'route':{width}}  answers  ids/order  ties  largest difference  beyond it  other"]
    for name, route in routes.items():
        counts = f"{route.answers:7}  {len(route.ids):9}  {len(route.ties):4}  {route.largest_number:18.2g}"
        lines.append(f"{name:{width}}  {counts}  {len(route.numbers):9}  {len(route.other):5}")
    for name, route in routes.items():
        for kind in ("ids", "numbers", "other", "ties"):
            notes: list[str] = getattr(route, kind)
            lines += [f"{name}, {kind}: {note}" for note in notes[:_SHOWN]]
            if len(notes) > _SHOWN:
                lines.append(f"{name}, {kind}: and {len(notes) - _SHOWN} more")
    return "\n".join(lines)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
