"""``semblance evaluate agreement``: agreement with people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    encoding_bar,
    write_figures,
)


def agreement(
    images: ImagesFolder,
    judgements: Annotated[
        Path, typer.Option(help="Triplets, or Flickr8k's expert or crowd judgements.", exists=True, dir_okay=False)
    ],
    captions: Annotated[
        Path | None,
        typer.Option(help="Token file of the captions judged; not for triplets.", exists=True, dir_okay=False),
    ] = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Compare scores with what people said: of two images which is nearer, or how well a caption fits."""
    from models.data.captioned import read_captions
    from models.data.judgements import read_judgements
    from models.evaluation.agreement import evaluate_agreement
    from models.registry import load_encoder

    judged = read_judgements(judgements, images, read_captions(captions) if captions else None)
    encoder = load_encoder(model, device=device)
    with encoding_bar() as on_progress:
        figures = evaluate_agreement(encoder, judged, images, on_progress)
    typer.echo(f"{model}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if value is not None))
    write_figures(output, figures)
