"""Commands about models: list them, measure them, train them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.types import ModelCard

app = typer.Typer(no_args_is_help=True)
evaluate = typer.Typer(no_args_is_help=True, help="Measure a model by the protocols of the field.")
app.add_typer(evaluate, name="evaluate")

OutputFile = Annotated[Path | None, typer.Option("--output", help="Write the figures here as JSON, too.")]


@app.command("models")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the models that ship, with dimension, size and measured quality."""
    from models.registry import model_cards

    if as_json:
        typer.echo(json.dumps([asdict(card) for card in model_cards()], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("model", "dim", "size", "R@1/5/10 on", "text to image", "image to text"):
        table.add_column(heading, no_wrap=True)
    for card in model_cards():
        for index, (name, figures) in enumerate(card.quality.items()):
            head = (
                (card.name, str(card.dimension), f"{card.weights_bytes / 1e6:.1f} MB") if index == 0 else ("", "", "")
            )
            table.add_row(*head, name, _recalls(figures["text_to_image"]), _recalls(figures["image_to_text"]))
    console = Console()
    console.print(table)
    console.print("Also hf:<name or folder>: a CLIP, SigLIP or SigLIP2 checkpoint.", style="dim")


@evaluate.command("retrieval")
def evaluate_retrieval_command(
    images: Annotated[Path, typer.Option(help="Folder of the images.", exists=True, file_okay=False)],
    captions: Annotated[Path, typer.Option(help="Token file: name.jpg#0<TAB>caption.", exists=True, dir_okay=False)],
    split: Annotated[Path | None, typer.Option(help="Names of the images to use, one a line.", exists=True)] = None,
    model: Annotated[
        str, typer.Option(help="A model of `semblance models`, or hf:<name or folder>.")
    ] = "semblance-base",
    output: OutputFile = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, …; auto takes a GPU where there is one.")] = "auto",
) -> None:
    """Rank every caption's image and every image's captions: R@1, R@5, R@10, median and mean rank."""
    from models.data.captioned import read_captioned
    from models.evaluation.retrieval import evaluate_retrieval
    from models.registry import load_encoder

    data = read_captioned(images, captions, split)
    with _progress() as progress:
        task = progress.add_task("encoding images", total=len(data))
        figures = evaluate_retrieval(
            load_encoder(model, device=device), data, lambda done, _: progress.update(task, completed=done)
        )
    typer.echo(f"{model}: {len(data):,} images, {sum(map(len, data.captions)):,} captions")
    for direction, values in figures.items():
        typer.echo(
            f"  {direction.replace('_', ' ')}: R@1/5/10 {_recalls(values)}, median rank {values['median_rank']:g}"
        )
    if output:
        output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="The model to train.")] = "semblance-base",
    data: Annotated[Path | None, typer.Option(help="Captioned photographs [SEMBLANCE_TRAINING_DATA].")] = None,
    work: Annotated[Path, typer.Option(help="Keeps features and the run's state; a killed run goes on.")] = Path(
        "var/training"
    ),
    output: Annotated[Path, typer.Option(help="Folder for weights and card.")] = Path("var/weights"),
) -> None:
    """Train a model with the choices that made its shipped weights."""
    from models.data.captioned import training_data_root
    from models.errors import InputError, UnknownModelError
    from models.training.ship import train_and_ship

    if model != "semblance-base":
        raise UnknownModelError(f"no training recipe for {model!r}; there is: semblance-base")
    root = data or training_data_root()
    if root is None:
        raise InputError("the captioned photographs are not here: give --data or set SEMBLANCE_TRAINING_DATA")
    with _progress() as progress:
        card = train_and_ship(root, work / model, output / model, progress)
    _print_card(card)


def _print_card(card: ModelCard) -> None:
    typer.echo(f"{card.name}: {card.weights_bytes / 1e6:.1f} MB, SHA-256 {card.weights_sha256[:12]}…")
    for name, figures in card.quality.items():
        typer.echo(
            f"  {name}: text to image R@1/5/10 {_recalls(figures['text_to_image'])}, "
            f"image to text {_recalls(figures['image_to_text'])}"
        )


def _recalls(figures: dict[str, float]) -> str:
    return "/".join(f"{100 * figures[f'r@{k}']:.1f}" for k in (1, 5, 10))


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(file=sys.stderr))


if TYPE_CHECKING:
    from rich.progress import Progress
