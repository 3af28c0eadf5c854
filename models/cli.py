"""Commands about models: list them, measure them, train them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import models.evaluation.cli
from models.metrics.recall_line import recall_line
from models.progress import progress_bar

if TYPE_CHECKING:
    from models.types import PartCard

app = typer.Typer(no_args_is_help=True)
app.add_typer(models.evaluation.cli.app, name="evaluate")


@app.command("models")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the models that ship, with size and measured quality, the matchers that re-rank them, and the captioners."""
    from models.registry import captioner_cards, matcher_cards, model_cards

    if as_json:
        typer.echo(
            json.dumps([asdict(card) for card in (*model_cards(), *matcher_cards(), *captioner_cards())], indent=2)
        )
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
            table.add_row(*head, name, recall_line(figures["text_to_image"]), recall_line(figures["image_to_text"]))
    console = Console()
    console.print(table)
    for matcher in matcher_cards():
        console.print(f"matcher {matcher.name} ({matcher.weights_bytes / 1e6:.1f} MB) re-ranks {matcher.encoder}")
    for captioner in captioner_cards():
        console.print(f"captioner {captioner.name} ({captioner.weights_bytes / 1e6:.1f} MB) writes captions")
    console.print("Also hf:<name or folder>: a CLIP, SigLIP or SigLIP2 checkpoint.", style="dim")


@app.command()
def caption(
    files: Annotated[list[Path], typer.Argument(help="Image files.", exists=True, dir_okay=False)],
    model: Annotated[str, typer.Option(help="A captioner of `semblance models`.")] = "show-and-tell",
    decoder: Annotated[str, typer.Option(help="beam, greedy or sample.")] = "beam",
    width: Annotated[int, typer.Option(min=1, help="Sentences that beam search follows at once.")] = 3,
    temperature: Annotated[float, typer.Option(min=0.01, help="Of sampling: 1 is the model's own.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling.")] = 0,
) -> None:
    """Write a caption for each photograph."""
    from models.captioning.decoders import make_decoder
    from models.evaluation.described import describe_files
    from models.registry import load_captioner

    chosen = make_decoder(decoder, width=width, temperature=temperature, seed=seed)
    captions = describe_files(load_captioner(model), files, chosen)
    for file, written in zip(files, captions, strict=True):
        typer.echo(f"{file}  {written.text}")


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
    from models.errors import InputError
    from models.training.catalogue import train as run
    from models.training.job import Job
    from models.training.reporter import ProgressReporter

    root = data or training_data_root()
    if root is None:
        raise InputError("the captioned photographs are not here: give --data or set SEMBLANCE_TRAINING_DATA")
    with progress_bar() as progress:
        card = run(Job(model, root, work, output / model, ProgressReporter(progress)))
    _print_card(card)


def _print_card(card: PartCard) -> None:
    typer.echo(f"{card.name}: {card.weights_bytes / 1e6:.1f} MB, SHA-256 {card.weights_sha256[:12]}…")
    for name, figures in getattr(card, "quality", {}).items():
        typer.echo(
            f"  {name}: text to image R@1/5/10 {recall_line(figures['text_to_image'])}, "
            f"image to text {recall_line(figures['image_to_text'])}"
        )
