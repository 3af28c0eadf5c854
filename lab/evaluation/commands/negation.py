"""``semblance evaluate negation``: sentences that say what is absent."""

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


def negation(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 0,
) -> None:
    """Ask for things without others: how many of the best ten images have the others, and what remains of the rest."""
    from lab.evaluation.negation import evaluate_negation
    from lab.evaluation.relevance import TfidfRelevance

    encoder, encoded = encode_set(images, captions, split, model, device)
    figures = evaluate_negation(encoded, encoder.encode_texts, TfidfRelevance(encoded.data.captions), seed=seed)
    for kind in ("words", "captions"):
        one = figures[kind]
        typer.echo(
            f"  {one['sentences']} {kind}: {100 * one['unwanted_off']:.1f} % unwanted with negation off, "
            f"{100 * one['unwanted_on']:.1f} % with it ({100 * one['unwanted_plain']:.1f} % where nothing is denied); "
            f"{100 * one['retention']:.1f} % of the rest retained ({100 * one['retention_of_plain']:.1f} %)"
        )
    typer.echo(f"  {100 * figures['left_alone']:.0f} % of the sentences that deny nothing are left alone")
    write_figures(output, figures)
