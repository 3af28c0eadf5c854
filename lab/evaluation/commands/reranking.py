"""``semblance evaluate reranking``: what a matcher adds to a dual encoder, and what it costs."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    OnCard,
    OutputFile,
    SplitFile,
    TokenFile,
    cached_models,
    encode_set,
    encoding_bar,
    note_on_card,
    write_figures,
)
from models.recall_line import recall_line


def reranking(
    images: ImagesFolder,
    captions: TokenFile,
    rerank: Annotated[str, typer.Option(help="The matcher; its card names the model whose results it re-ranks.")],
    rerank_depth: Annotated[int, typer.Option(min=1, help="How many of the best images it re-ranks.")] = 50,
    split: SplitFile = None,
    output: OutputFile = None,
    card: OnCard = None,
    device: DeviceName = "auto",
) -> None:
    """Rank every caption's image before and after re-ranking, and time it."""
    from lab.evaluation.matched import match_captioned
    from lab.evaluation.reranking import evaluate_reranking

    matcher = cached_models(device).matcher(rerank)
    encoded = encode_set(images, captions, split, matcher.card.encoder, device)[1]
    with encoding_bar("features") as progress:
        features = match_captioned(matcher, encoded.data, progress).features
    with encoding_bar("re-ranking captions") as progress:
        figures = evaluate_reranking(encoded, matcher, features, rerank_depth, progress)
    before, after = figures["text_to_image"], figures["reranked"]["text_to_image"]
    typer.echo(f"  text to image: R@1/5/10 {recall_line(before)}, median rank {before['median_rank']:g}")
    typer.echo(
        f"  re-ranked by {rerank}: R@1/5/10 {recall_line(after)}, median rank {after['median_rank']:g}, "
        f"{figures['reranked']['ms_a_query']:.1f} ms a query"
    )
    if card:
        note_on_card(rerank, card, figures)
    write_figures(output, figures)
