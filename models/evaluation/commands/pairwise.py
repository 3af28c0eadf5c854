"""``semblance evaluate pairwise``: accuracy on random pairs."""

from __future__ import annotations

from typing import Annotated

import typer

from models.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    Seed,
    SplitFile,
    TokenFile,
    encode_set,
    write_figures,
)


def pairwise(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
    samples: Annotated[int, typer.Option(help="Captions to draw.", min=1)] = 6400,
) -> None:
    """Tell a caption's own image from another one: accuracy over random pairs."""
    from models.evaluation.pairwise import evaluate_pairwise

    encoded = encode_set(images, captions, split, model, device)[1]
    figures = evaluate_pairwise(encoded, samples, seed)
    low, high = figures["interval"]
    typer.echo(f"  accuracy {100 * figures['accuracy']:.2f} ({100 * low:.2f} to {100 * high:.2f})")
    write_figures(output, figures)
