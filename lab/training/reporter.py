"""What a training run tells of its progress."""

from __future__ import annotations

from typing import Any, Protocol

from rich.progress import Progress

from lab.training.loop import PassReport


class Reporter(Protocol):
    """Is told how a run goes on."""

    def features(self, part: str, done: int, total: int) -> None:
        """Tell how far the frozen features of a split are."""

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        """Tell what a step brought."""

    def one_pass(self, stage: str, report: PassReport) -> None:
        """Tell what a pass brought."""


class ProgressReporter:
    """Draws a run's progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def features(self, part: str, done: int, total: int) -> None:
        """Draw how far the features are."""
        self._draw(f"features of {part}", done, total)

    def step(self, stage: str, done: int, total: int, loss: float) -> None:  # noqa: ARG002 - the pass tells the loss
        """Draw a step."""
        self._draw(f"training: {stage}", done, total)

    def one_pass(self, stage: str, report: PassReport) -> None:
        """Print what a pass brought."""
        self._progress.console.print(
            f"{stage}: pass {report.number} of {report.passes}, loss {report.loss:.3f}, "
            f"on dev {100 * report.score:.2f}, {report.seconds:.0f} s"
        )

    def _draw(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done)
