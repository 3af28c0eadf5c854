"""``semblance evaluate report``: everything measured, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.evaluation.commands.options import (
    Date,
    DeviceName,
    ImagesFolder,
    ModelName,
    SplitFile,
    TokenFile,
    encode_set,
    imagenet_baseline,
    today,
)
from models.names import DEFAULT_MODEL


def report(
    images: ImagesFolder,
    captions: TokenFile,
    output: Annotated[Path, typer.Option("--output", help="Write the page here.")],
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    results: Annotated[
        Path | None, typer.Option("--results", help="Folder of figures, NAME.json; measured now if not given.")
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Show photographs and captions of the set.")
    ] = True,
    date: Date = None,
    device: DeviceName = "auto",
) -> None:
    """Write one HTML page of all measures, with curves, a map, and the best and worst queries."""
    from lab.evaluation.report.images import images_section
    from lab.evaluation.report.measures import evaluate_measures, read_figures
    from lab.evaluation.report.page import report_page
    from service.search.grammar import WEIGHT_BESIDE_IMAGE

    figures = read_figures(results) if results else None  # before the long part, so that a mistake is told at once
    encoder, encoded = encode_set(images, captions, split, model, device)
    figures = figures or evaluate_measures(encoder, encoded)
    galleries = []
    if pictures:
        imagenet = imagenet_baseline(encoded.data, device)
        galleries.append(images_section(encoded, encoder.encode_texts, imagenet, WEIGHT_BESIDE_IMAGE))
    page = report_page(encoded, encoder.card, figures, date=date or today(), pictures=pictures, galleries=galleries)
    output.write_text(page, encoding="utf-8")
    typer.echo(f"{output}: {len(page.encode()) / 1e6:.1f} MB")
