"""``semblance evaluate retrieval``: image-sentence retrieval."""

from __future__ import annotations

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
from models.metrics.recall_line import recall_line


def retrieval(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
) -> None:
    """Rank every caption's image and every image's captions: R@1, R@5, R@10, median and mean rank."""
    from models.evaluation.retrieval import evaluate_retrieval

    encoded = encode_set(images, captions, split, model, device)[1]
    figures = evaluate_retrieval(encoded, seed)
    for direction, values in figures.items():
        low, high = values["intervals"]["r@10"]
        typer.echo(
            f"  {direction.replace('_', ' ')}: R@1/5/10 {recall_line(values)} "
            f"(R@10 {100 * low:.1f} to {100 * high:.1f}), median rank {values['median_rank']:g}"
        )
    write_figures(output, figures)
