"""``semblance evaluate semantic``: semantic retrieval of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    ProxyName,
    SplitFile,
    TokenFile,
    encode_set,
    encoding_bar,
    imagenet_baseline,
    write_figures,
)
from models.names import DEFAULT_MODEL


def semantic(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    proxy: ProxyName = "tfidf",
    beside: Annotated[
        list[str] | None, typer.Option(help="Proxy that ranks the images, too, as a model would; can be repeated.")
    ] = None,
    queries: Annotated[
        int | None,
        typer.Option(help="Only so many images query, spread evenly; meteor needs a second for each.", min=1),
    ] = None,
    versus: Annotated[
        list[str] | None, typer.Option(help="Another model that this one is compared with; can be repeated.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw NDCG and PCC over the first R results here (.png, .svg).")
    ] = None,
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Rank images for images by what people wrote of them: NDCG and PCC beside oracle, chance and ImageNet features."""
    from lab.evaluation.proxies import build_proxy
    from lab.evaluation.report.plots import save_semantic_curves
    from lab.evaluation.semantic import evaluate_semantic

    encoded = encode_set(images, captions, split, model, device)[1]
    models = [encode_set(images, captions, split, name, device, texts=False)[1] for name in versus or ()]
    with encoding_bar("proxies") as on_progress:
        relevance, *others = (build_proxy(name, encoded.data, on_progress) for name in (proxy, *(beside or ())))
    figures = evaluate_semantic(encoded, relevance, imagenet_baseline(encoded.data, device), others, queries, models)
    for kind, rows in figures["queries"].items():
        typer.echo(f"  queries by {kind}, area to R = {figures['ranks'][-1]}:")
        for row, values in rows.items():
            typer.echo(f"    {row}: NDCG {100 * values['ndcg_area']:.1f}, PCC {100 * values['pcc_area']:.1f}")
    if "gain_over_imagenet_features" in figures:
        typer.echo(f"  NDCG area over ImageNet features: {100 * figures['gain_over_imagenet_features']:+.1f} %")
    for name, compared in figures["versus"].items():
        more, (low, high) = compared["ndcg_area"], compared["interval"]
        typer.echo(f"  NDCG area less {name}'s: {100 * more:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
    if plot:
        save_semantic_curves(figures, plot)
    write_figures(output, figures)
