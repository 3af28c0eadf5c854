"""``semblance evaluate plurals``: nouns in singular and plural."""

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


def plurals(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 0,
) -> None:
    """Ask for 100 nouns of the captions in singular and plural: how many of the best ten images are the same."""
    from lab.evaluation.plurals import evaluate_plurals

    encoder, encoded = encode_set(images, captions, split, model, device)
    figures = evaluate_plurals(encoded, encoder.encode_texts, seed=seed)
    typer.echo(
        f"  {figures['nouns']} nouns: the best ten of singular and plural share {100 * figures['overlap']:.1f} %; "
        f"{100 * figures['precision_singular']:.1f} and {100 * figures['precision_plural']:.1f} % show what is asked"
    )
    least = ", ".join(f"{noun} {100 * share:.0f} %" for noun, share in figures["least"].items())
    typer.echo(f"  least: {least}")
    write_figures(output, figures)
