"""``semblance evaluate map``: images and captions together on a plane."""

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
    today,
)
from models.names import DEFAULT_MODEL


def draw_map(
    images: ImagesFolder,
    captions: TokenFile,
    output: Annotated[Path, typer.Option("--output", help="A picture (.png, .svg) or an interactive page (.html).")],
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    date: Date = None,
    device: DeviceName = "auto",
) -> None:
    """Draw images and captions together by t-SNE."""
    from lab.evaluation.embedding_map import map_embeddings
    from lab.evaluation.report.page import map_page
    from lab.evaluation.report.plots import save_scatter
    from models.errors import InputError

    if output.suffix not in (".html", ".png", ".svg"):
        raise InputError(f"a map is written as .html, .png or .svg, not as {output.name!r}")
    encoder, encoded = encode_set(images, captions, split, model, device)
    if output.suffix == ".html":
        output.write_text(map_page(encoded, encoder.card, date=date or today()), encoding="utf-8")
    else:
        plane = map_embeddings(encoded)
        points = {"captions": plane.captions, "images": plane.images}
        save_scatter(points, output, f"{encoded.model} on {encoded.data.name}")
