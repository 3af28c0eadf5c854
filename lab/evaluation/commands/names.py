"""``semblance evaluate names``: pictures asked for by bare names."""

from __future__ import annotations

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    cached_models,
    encoding_bar,
    write_figures,
)
from models.names import DEFAULT_MODEL


def names(
    images: ImagesFolder,
    model: ModelName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Ask for every picture of a folder by its file's bare name: the share found among the first 1, 3 and 10."""
    from lab.evaluation.names import evaluate_names, named_files

    files, encoder = named_files(images), cached_models(device).encoder(model)
    with encoding_bar() as on_progress:
        figures = evaluate_names(encoder, files, on_progress)
    shares = ", ".join(f"top {k} {100 * figures[f'top_{k}']:.1f} %" for k in (1, 3, 10))
    typer.echo(f"{model}: {len(files):,} pictures by their bare names: {shares}")
    if "told" in figures:
        first = "-" if figures["told_first"] is None else f"{100 * figures['told_first']:.1f} %"
        typer.echo(f"  said to match nothing: {100 * figures['told']:.1f} %; of those that come first {first}")
    if figures["missed"]:
        typer.echo(f"  not among the first 3 (rank): {', '.join(figures['missed'])}")
    write_figures(output, figures)
