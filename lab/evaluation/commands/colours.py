"""``semblance evaluate colours``: captions against the same with other colours."""

from __future__ import annotations

import typer

from lab.evaluation.commands.options import (
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
from models.names import DEFAULT_MODEL


def colours(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 0,
) -> None:
    """Compare captions with the same of exchanged and of replaced colours: how often the true one scores higher."""
    from lab.evaluation.colours import evaluate_colours

    encoder, encoded = encode_set(images, captions, split, model, device)
    figures = evaluate_colours(encoded, encoder.encode_texts, seed=seed)
    for sort, of in figures.items():
        low, high = (100 * bound for bound in of["interval"])
        typer.echo(
            f"  colours {sort}: of {of['captions']:,} captions the true one is preferred in "
            f"{100 * of['preferred']:.1f} % ({low:.1f} to {high:.1f})"
        )
    write_figures(output, figures)
