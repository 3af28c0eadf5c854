"""``semblance evaluate pairwise``: accuracy on random pairs."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelOrMatcherName,
    OutputFile,
    Seed,
    ShuffleWords,
    SplitFile,
    TokenFile,
    encode_set,
    is_matcher,
    match_set,
    write_figures,
)
from models.names import DEFAULT_MODEL


def pairwise(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelOrMatcherName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
    shuffle_words: ShuffleWords = False,
    samples: Annotated[int, typer.Option(help="Captions to draw.", min=1)] = 6400,
) -> None:
    """Tell a caption's own image from another one: accuracy over random pairs."""
    from lab.evaluation.pairwise import evaluate_pairwise

    given = (images, captions, split, model, device, seed if shuffle_words else None)
    scored = match_set(*given) if is_matcher(model) else encode_set(*given)[1]
    figures = evaluate_pairwise(scored, samples, seed)
    low, high = figures["interval"]
    typer.echo(f"  accuracy {100 * figures['accuracy']:.2f} ({100 * low:.2f} to {100 * high:.2f})")
    write_figures(output, figures)
