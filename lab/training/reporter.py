"""Progress reports of a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lab.training.loop import PassReport

if TYPE_CHECKING:
    from rich.progress import Progress


class Reporter(Protocol):
    """Receives the progress of a run."""

    def features(self, part: str, done: int, total: int) -> None:
        """Report how many images' features are computed."""

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        """Report a step and its loss."""

    def one_pass(self, stage: str, report: PassReport) -> None:
        """Report a pass: its mean loss and its score on dev."""


class ProgressReporter:
    """Draws a run's progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def features(self, part: str, done: int, total: int) -> None:
        """Draw how many features are computed."""
        self._draw(f"features of {part}", done, total)

    def step(self, stage: str, done: int, total: int, loss: float) -> None:  # noqa: ARG002 - the pass tells the loss
        """Draw a step."""
        self._draw(f"training: {stage}", done, total)

    def one_pass(self, stage: str, report: PassReport) -> None:
        """Print the loss and score of a pass."""
        self._progress.console.print(
            f"{stage}: pass {report.number} of {report.passes}, loss {report.loss:.3f}, "
            f"on dev {100 * report.score:.2f}, {report.seconds:.0f} s"
        )

    def _draw(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done)


class PrintingReporter:
    """Prints lines, for a machine whose output is read later."""

    def features(self, part: str, done: int, total: int) -> None:
        """Print when all are there."""
        if done == total:
            print(f"features of {part}: {total}", flush=True)

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        """Print a step."""
        print(f"{stage}: {done} of {total}, loss {loss:.3f}", flush=True)

    def one_pass(self, stage: str, report: PassReport) -> None:
        """Print the loss and score of a pass."""
        print(f"{stage}: pass {report.number} of {report.passes}, loss {report.loss:.3f}, on dev {report.score:.4f}")
