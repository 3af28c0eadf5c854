"""Commands of the laboratory: ``semblance train``, ``calibrate`` and ``evaluate``.

``service.cli`` finds them by the entry-point group ``semblance.commands``: they are there where this package is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lab.evaluation.cli
from lab.evaluation.commands.calibration import calibrate
from lab.progress import progress_bar
from models.names import DEFAULT_MODEL
from models.recall_line import recall_line

if TYPE_CHECKING:
    from models.cards import WeightsCard

app = typer.Typer(no_args_is_help=True)
app.add_typer(lab.evaluation.cli.app, name="evaluate")
app.command()(calibrate)


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="The model to train.")] = DEFAULT_MODEL,
    data: Annotated[Path | None, typer.Option(help="Captioned photographs [SEMBLANCE_TRAINING_DATA].")] = None,
    work: Annotated[Path, typer.Option(help="Keeps features and the run's state; a killed run goes on.")] = Path(
        "var/training"
    ),
    output: Annotated[Path, typer.Option(help="Folder for weights and card.")] = Path("var/weights"),
    choices: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another choice of the recipe, such as margin=0.3; can be repeated."),
    ] = None,
    device: Annotated[str, typer.Option(help="Torch device: cpu, cuda, or auto: a GPU where there is one.")] = "cpu",
) -> None:
    """Train a model with the choices that made its shipped weights, or with others."""
    from lab.data.captioned import training_data_root
    from lab.training.catalogue import train as run
    from lab.training.choices import read_choices
    from lab.training.job import Job
    from lab.training.reporter import ProgressReporter
    from models.errors import InputError
    from models.inference.device import resolve_device

    root = data or training_data_root()
    if root is None:
        raise InputError("the captioned photographs are not here: give --data or set SEMBLANCE_TRAINING_DATA")
    with progress_bar() as progress:
        reporter = ProgressReporter(progress)
        job = Job(model, root, work, output / model, reporter, read_choices(choices or ()), resolve_device(device))
        card = run(job)
    _print_card(card)


def _print_card(card: WeightsCard) -> None:
    typer.echo(f"{card.name}: {card.weights_bytes / 1e6:.1f} MB, SHA-256 {card.weights_sha256[:12]}…")
    for name, figures in getattr(card, "quality", {}).items():
        typer.echo(
            f"  {name}: text to image R@1/5/10 {recall_line(figures['text_to_image'])}, "
            f"image to text {recall_line(figures['image_to_text'])}"
        )
