"""Commands about models: list them, write captions with them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from models.names import DEFAULT_CAPTIONER, DEFAULT_MODEL
from models.recall_line import recall_line

app = typer.Typer(no_args_is_help=True)

_UNCUT = 1000  # columns: a table that goes into a pipe or a file is never cut


@app.command("models")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the models that ship, with size and measured quality, the matchers that re-rank them, and the captioners."""
    from models.shipped import captioner_cards, encoder_cards, matcher_cards

    if as_json:
        cards = (*encoder_cards(), *matcher_cards(), *captioner_cards())
        fields = [{name: value for name, value in asdict(card).items() if name != "calibrations"} for card in cards]
        typer.echo(json.dumps(fields, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("model", "dim", "size", "R@1/5/10 on", "text to image", "image to text"):
        table.add_column(heading, no_wrap=True)
    for card in encoder_cards():
        for index, (name, figures) in enumerate(card.quality.items()):
            head = (
                (card.name, str(card.dimension), f"{card.weights_bytes / 1e6:.1f} MB") if index == 0 else ("", "", "")
            )
            table.add_row(*head, name, recall_line(figures["text_to_image"]), recall_line(figures["image_to_text"]))
    console = Console(width=None if sys.stdout.isatty() else _UNCUT)
    console.print(table)
    for matcher in matcher_cards():
        console.print(f"matcher {matcher.name} ({matcher.weights_bytes / 1e6:.1f} MB) re-ranks {matcher.encoder}")
    for captioner in captioner_cards():
        console.print(f"captioner {captioner.name} ({captioner.weights_bytes / 1e6:.1f} MB) writes captions")
    console.print("Also hf:<name or folder>: a CLIP, SigLIP or SigLIP2 checkpoint.", style="dim")


@app.command()
def caption(
    files: Annotated[list[Path], typer.Argument(help="Image files.", exists=True, dir_okay=False)],
    model: Annotated[str, typer.Option(help="A captioner of `semblance models`.")] = DEFAULT_CAPTIONER,
    decoder: Annotated[str, typer.Option(help="beam, greedy or sample.")] = "beam",
    width: Annotated[int, typer.Option(min=1, help="Sentences that beam search follows at once.")] = 3,
    temperature: Annotated[float, typer.Option(min=0.01, help="Of sampling: 1 is the model's own.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling.")] = 0,
) -> None:
    """Write a caption for each photograph."""
    import numpy as np

    from models.captioning.decoders import make_decoder
    from models.imaging.decode import decode_image
    from models.inference.batches import IMAGE_BATCH
    from models.inference.cache_folder import cache_folder
    from models.library import InstalledModels

    chosen = make_decoder(decoder, width=width, temperature=temperature, seed=seed)
    captioner = InstalledModels(cache=cache_folder()).captioner(model)
    size = captioner.card.preprocessing.size
    for start in range(0, len(files), IMAGE_BATCH):
        batch = files[start : start + IMAGE_BATCH]
        pictures = [captioner.prepare(decode_image(file.read_bytes(), shrink_to=size).pixels) for file in batch]
        for file, written in zip(batch, captioner.describe(np.stack(pictures), chosen), strict=True):
            typer.echo(f"{file}  {written.text}")


@app.command()
def warm(
    models: Annotated[list[str] | None, typer.Argument(help="Models of `semblance models`, or hf:<name>.")] = None,
    matcher: Annotated[
        list[str] | None, typer.Option(help="Re-ranker, too; may be repeated. Default: those of the models' own pass.")
    ] = None,
) -> None:
    """Convert models for this machine's processor, so that the first search, index run or service finds them ready."""
    import numpy as np

    from models.inference.cache_folder import cache_folder
    from models.library import InstalledModels
    from models.shipped import matcher_cards

    library = InstalledModels(cache=cache_folder())
    names = models or [DEFAULT_MODEL]
    own = [card.name for card in matcher_cards() if card.encoder in names and not card.parts]
    for name in names:
        for heads in ((), own):  # a service encodes without the features that an index keeps
            encoder = library.encoder(name, matchers=heads)
            size = encoder.card.preprocessing.size
            encoder.encode_images(np.zeros((1, size, size, 3), np.uint8))
            encoder.encode_texts(["warm-up"])
        typer.echo(f"{name} is ready")
    for name in own if matcher is None else matcher:
        library.matcher(name).score("warm-up", np.zeros((1, *library.matcher(name).card.feature_shape), np.float16))
        typer.echo(f"{name} is ready")
