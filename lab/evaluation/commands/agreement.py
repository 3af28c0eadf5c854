"""``semblance evaluate agreement``: agreement with people."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

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


def agreement(
    images: ImagesFolder,
    judgements: Annotated[
        Path, typer.Option(help="Triplets, or Flickr8k's expert or crowd judgements.", exists=True, dir_okay=False)
    ],
    captions: Annotated[
        Path | None,
        typer.Option(help="Token file of the captions judged, or of a proxy's.", exists=True, dir_okay=False),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    proxy: Annotated[
        str | None,
        typer.Option(help="Score triplets by this proxy, not by a model: tfidf, meteor, word2vec-fv or generated."),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(help="A matcher: rate captions as its model does re-ranked by it, whatever --model says."),
    ] = None,
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Compare scores with what people said: of two images which is nearer, or how well a caption fits."""
    from lab.data.captioned import read_captions
    from lab.data.judgements import read_judgements
    from lab.evaluation.agreement import evaluate_agreement, evaluate_proxy_agreement
    from lab.evaluation.proxies import build_proxy

    texts = read_captions(captions) if captions else None
    judged = read_judgements(judgements, images, texts)
    with encoding_bar() as on_progress:
        if proxy:
            build = partial(build_proxy, proxy, on_progress=on_progress)
            figures = evaluate_proxy_agreement(build, judged, images, texts or {})
        else:
            models = cached_models(device)
            matcher = models.matcher(rerank) if rerank else None
            encoder = models.encoder(matcher.card.encoder if matcher else model)
            figures = evaluate_agreement(encoder, judged, images, on_progress, matcher)
    name = proxy or rerank or model
    typer.echo(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items() if value is not None))
    write_figures(output, figures)
