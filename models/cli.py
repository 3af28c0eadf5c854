"""Commands about models: list them, write captions with them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from models.names import DEFAULT_CAPTIONER
from models.recall_line import recall_line

app = typer.Typer(no_args_is_help=True)


@app.command("models")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the models that ship, with size and measured quality, the matchers that re-rank them, and the captioners."""
    from models.shipped import captioner_cards, encoder_cards, matcher_cards

    if as_json:
        cards = (*encoder_cards(), *matcher_cards(), *captioner_cards())
        typer.echo(json.dumps([asdict(card) for card in cards], indent=2))
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
    from models.library import InstalledModels

    chosen = make_decoder(decoder, width=width, temperature=temperature, seed=seed)
    captioner = InstalledModels().captioner(model)
    size = captioner.card.preprocessing.size
    for start in range(0, len(files), IMAGE_BATCH):
        batch = files[start : start + IMAGE_BATCH]
        pictures = [captioner.prepare(decode_image(file.read_bytes(), shrink_to=size).pixels) for file in batch]
        for file, written in zip(batch, captioner.describe(np.stack(pictures), chosen), strict=True):
            typer.echo(f"{file}  {written.text}")
