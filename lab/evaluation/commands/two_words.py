"""``semblance evaluate two-words``: queries of two words."""

from __future__ import annotations

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    SplitFile,
    TokenFile,
    encode_set,
    write_figures,
)
from models.names import DEFAULT_MODEL


def two_words(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Ask for the 80 commonest pairs of words of the captions: how many of the ten best images have both."""
    from lab.evaluation.two_words import evaluate_two_words

    encoder, encoded = encode_set(images, captions, split, model, device, texts=False)
    figures = evaluate_two_words(encoded, encoder.encode_texts)
    typer.echo(
        f"  {figures['pairs']} pairs of words: {100 * figures['precision']:.1f} % of the ten best images have both, "
        f"of {100 * figures['possible']:.1f} % possible"
    )
    typer.echo(f"  least: {', '.join(f'{pair} {100 * share:.0f} %' for pair, share in figures['least'].items())}")
    write_figures(output, figures)
