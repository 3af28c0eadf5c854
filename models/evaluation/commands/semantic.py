"""``semblance evaluate semantic``: semantic retrieval of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from models.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    SplitFile,
    TokenFile,
    encode_set,
    encoding_bar,
    write_figures,
)

if TYPE_CHECKING:
    from models.evaluation.encoded import EncodedSet
    from models.types import Vectors


def semantic(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Rank images for images by what people wrote of them: NDCG and PCC beside oracle, chance and ImageNet features."""
    from models.evaluation.relevance import TfidfRelevance
    from models.evaluation.semantic import evaluate_semantic

    encoded = encode_set(images, captions, split, model, device)[1]
    figures = evaluate_semantic(encoded, TfidfRelevance(encoded.data.captions), _imagenet_features(encoded, device))
    for kind, rows in figures["queries"].items():
        typer.echo(f"  queries by {kind}, area to R = {figures['ranks'][-1]}:")
        for row, values in rows.items():
            typer.echo(f"    {row}: NDCG {100 * values['ndcg_area']:.1f}, PCC {100 * values['pcc_area']:.1f}")
    if "gain_over_imagenet_features" in figures:
        typer.echo(f"  NDCG area over ImageNet features: {100 * figures['gain_over_imagenet_features']:+.1f} %")
    write_figures(output, figures)


def _imagenet_features(encoded: EncodedSet, device: str) -> Vectors | None:
    """Extract the features to compare with; None, with a note, where their weights are not installed."""
    from models.errors import CheckpointError
    from models.evaluation.imagenet_features import imagenet_features

    files = encoded.data.files
    try:
        with encoding_bar("ImageNet features") as on_progress:
            return imagenet_features(files, device=device, on_progress=on_progress)
    except CheckpointError as error:
        typer.echo(f"  no row 'imagenet features': {error}")
        return None
