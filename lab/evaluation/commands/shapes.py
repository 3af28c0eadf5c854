"""``semblance evaluate shapes``: pictures of other shapes."""

from __future__ import annotations

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    SplitFile,
    TokenFile,
    cached_models,
    encoding_bar,
    write_figures,
)
from models.names import DEFAULT_MODEL
from models.recall_line import recall_line


def shapes(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Rank with square images brought to 4:3, 3:4 and 16:9, stretched and cropped, beside the squares."""
    from lab.data.captioned import read_captioned
    from lab.evaluation.shapes import WAYS, evaluate_shapes

    data = read_captioned(images, captions, split)
    encoder = cached_models(device).encoder(model)
    with encoding_bar() as on_progress:
        figures = evaluate_shapes(encoder, data, on_progress)
    typer.echo(f"{model}: {len(data):,} images; in brackets R@10 less the squares', in points")
    rows = [("square", figures["square"])]
    rows += [(f"{shape} {way}", values) for way in WAYS for shape, values in figures[way].items()]
    for name, values in rows:
        for direction, recalls in values.items():
            points = 100 * (recalls["r@10"] - figures["square"][direction]["r@10"])
            typer.echo(f"  {name}, {direction.replace('_', ' ')}: R@1/5/10 {recall_line(recalls)} ({points:+.1f})")
    write_figures(output, figures)
