"""Compares two recordings of a service's answers: what differs, route by route, and by how much.

Answers are JSON. Numbers with a fraction may differ by the tolerance; whole numbers, words and what there is must be
equal. Ranked results are compared by their ids: where two change places whose scores lie within the tolerance, that is
a tie, which is told apart and is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

IGNORED = frozenset({"took_ms", "request_id", "created_at"})
"""Fields that differ from request to request or from index to index."""

ROUNDED_TO = {"values": 1e-4, "attention": 1e-4, "log_probability": 1e-4}
"""The step of fields that the service rounds more coarsely than a tolerance may be; they may differ by a step more."""

_INDEX = re.compile(r"\[\d+\]")
_ABSENT = "absent"


@dataclass
class Comparison:
    """What differs between the answers of one route.

    Attributes:
        answers: how many were compared.
        largest: by field, the largest difference of its numbers; fields without any are left out.
        ids: results that are not the same, or not in the same order.
        ties: the same where the scores lie within the tolerance; no difference.
        numbers: numbers that differ by more than they may.
        other: everything else that differs.
    """

    answers: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    ties: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Tell whether nothing differs but ties and what the tolerance allows."""
        return not (self.ids or self.numbers or self.other)

    @property
    def largest_number(self) -> float:
        """Return the largest difference of all numbers that are not rounded coarsely."""
        return max((value for name, value in self.largest.items() if _last(name) not in ROUNDED_TO), default=0.0)


def compare(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], tolerance: float
) -> dict[str, Comparison]:
    """Compare all answers, by route and by the name of what was asked.

    Args:
        before: answers by route and name, each an object with its ``status``.
        after: the same of the other service.
        tolerance: by how much numbers may differ, and the scores of a tie.
    """
    return {
        route: _compare_route(before.get(route, {}), after.get(route, {}), tolerance)
        for route in sorted({*before, *after})
    }


def _compare_route(before: Mapping[str, Any], after: Mapping[str, Any], tolerance: float) -> Comparison:
    visit = _Visit(tolerance)
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            visit.found.other.append(f"{name}: asked only {'before' if name in before else 'after'}")
            continue
        visit.found.answers += 1
        old, new = before[name]["status"], after[name]["status"]
        if old == new:
            visit.answer(name, before[name], after[name])
        else:  # all else differs, too
            visit.found.other.append(f"{name}: status {old} became {new}")
    return visit.found


class _Visit:
    """One walk through pairs of answers; notes what it finds."""

    def __init__(self, tolerance: float) -> None:
        self.found = Comparison()
        self._tolerance, self._name = tolerance, ""

    def answer(self, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Compare two answers to one request."""
        self._name = name
        self._values("", before, after)

    def _values(self, where: str, before: Any, after: Any) -> None:
        if isinstance(before, dict) and isinstance(after, dict):
            self._objects(where, before, after)
        elif isinstance(before, list) and isinstance(after, list):
            if _ranked(before) and _ranked(after):
                self._rankings(where, before, after)
            else:
                self._lists(where, before, after)
        elif _is_number(before) and _is_number(after) and not (isinstance(before, int) and isinstance(after, int)):
            self._numbers(where, before, after)
        elif type(before) is not type(after) or before != after:
            self._note(self.found.other, where, f"{_short(before)} became {_short(after)}")

    def _objects(self, where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        for key in sorted({*before, *after} - IGNORED):
            place = f"{where}.{key}" if where else key
            self._values(place, before.get(key, _ABSENT), after.get(key, _ABSENT))

    def _lists(self, where: str, before: Sequence[Any], after: Sequence[Any]) -> None:
        if len(before) != len(after):
            self._note(self.found.other, where, f"{len(before)} entries became {len(after)}")
        for place, (one, other) in enumerate(zip(before, after, strict=False)):
            self._values(f"{where}[{place}]", one, other)

    def _numbers(self, where: str, before: float, after: float) -> None:
        difference, name = abs(before - after), _INDEX.sub("", where)
        if difference:
            self.found.largest[name] = max(difference, self.found.largest.get(name, 0.0))
        if difference > self._tolerance + ROUNDED_TO.get(_last(name), 0.0):
            self._note(self.found.numbers, where, f"{before:.7g} became {after:.7g}")

    def _rankings(self, where: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> None:
        old, new = ({result["id"]: result["score"] for result in results} for results in (before, after))
        differences, ties = changed_places(old, new, self._tolerance)
        for difference in differences:
            self._note(self.found.ids, where, difference)
        for tie in ties:
            self._note(self.found.ties, where, tie)
        moved = {"rank"} if differences or ties else set()  # told already
        results = {result["id"]: result for result in after}
        for place, result in enumerate(before):
            if other := results.get(result["id"]):
                one, other = ({k: v for k, v in r.items() if k not in moved} for r in (result, other))
                self._values(f"{where}[{place}]", one, other)

    def _note(self, notes: list[str], where: str, what: str) -> None:
        notes.append(f"{self._name}: {where}: {what}")


def changed_places(
    before: Mapping[str, float], after: Mapping[str, float], tolerance: float
) -> tuple[list[str], list[str]]:
    """Compare two pages of ranked results.

    Args:
        before: scores by id, best first.
        after: the same of the other page.
        tolerance: by how much the scores of a tie may differ.

    Returns:
        What differs, and what differs by ties alone: two results whose scores lie within the tolerance, before or
        after, have changed places; or one has left the page for another, and its score lies within the tolerance of
        the other page's first or last.
    """
    differences: list[str] = []
    ties: list[str] = []
    same_length = len(before) == len(after)
    for what, page, other in (("is gone", before, after), ("is new", after, before)):
        edges = [*other.values()][:: max(1, len(other) - 1)]
        for name, score in page.items():
            if name not in other:
                tied = same_length and any(abs(score - edge) <= tolerance for edge in edges)
                (ties if tied else differences).append(f"{name} (score {score:.6f}) {what}")
    places = {name: place for place, name in enumerate(after)}
    common = [name for name in before if name in after]
    for place, name in enumerate(common):
        for later in common[place + 1 :]:
            if places[later] < places[name]:
                gap = min(abs(before[name] - before[later]), abs(after[name] - after[later]))
                note = f"{later} overtook {name}, their scores lie {gap:.2g} apart"
                (ties if gap <= tolerance else differences).append(note)
    return differences, ties


def _ranked(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(value, dict) and {"id", "score"} <= {*value} for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
