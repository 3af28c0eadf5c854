"""``semblance evaluate reranking-transfer``: does a matcher's weight carry over from one captioned set to another?"""

from __future__ import annotations

from itertools import zip_longest
from typing import Annotated

import typer

from lab.evaluation.commands.calibration import ImagesFolders, SplitFiles, TokenFiles
from lab.evaluation.commands.options import DeviceName, OutputFile, cached_models, encode_set, match_set, write_figures
from models.recall_line import recall_line


def reranking_transfer(
    images: ImagesFolders,
    captions: TokenFiles,
    rerank: Annotated[str, typer.Option(help="The matcher; its card names the model whose results it re-ranks.")],
    rerank_depth: Annotated[int, typer.Option(min=1, help="How many of the best images it re-ranks.")] = 50,
    weight: Annotated[
        list[float] | None, typer.Option(min=0, help="One of those to choose among; by default ten from 0.001 to 1.")
    ] = None,
    split: SplitFiles = None,
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Fit the weight of a matcher on each captioned set, and tell what it brings on the others.

    Give --images and --captions, and --split where there are some, once for each of two or more captioned sets.
    """
    from lab.evaluation.reranking_transfer import ScoredSet, evaluate_transfer, head_scores
    from lab.evaluation.reranking_weight import WEIGHTS_TRIED

    if len(images) != len(captions) or len(images) < 2 or len(split or images) != len(images):
        raise typer.BadParameter("give --images and --captions, and --split or none, once for each of two or more sets")
    encoder = cached_models(device).matcher(rerank).card.encoder
    sets = []
    for folder, tokens, names in zip_longest(images, captions, split or []):
        encoded = encode_set(folder, tokens, names, encoder, device)[1]
        first = encoded.captions @ encoded.images.T
        second = head_scores(match_set(folder, tokens, names, rerank, device), first, rerank_depth)
        sets.append(ScoredSet(encoded.data.name, first, second, encoded.image_of_caption))
    figures = evaluate_transfer(sets, depth=rerank_depth, weights=weight or WEIGHTS_TRIED)
    for one in figures:
        low, high = (100 * bound for bound in one["interval"])
        typer.echo(
            f"  fitted on {one['fitted_on']} (weight {one['weight']:g}), on {one['reported_on']}: "
            f"R@1/5/10 {recall_line(one['text_to_image'])}, re-ranked {recall_line(one['reranked'])}; "
            f"R@1 {100 * one['r@1_gained']:+.1f} ({low:+.1f} to {high:+.1f})"
        )
    write_figures(output, {"matcher": rerank, "depth": rerank_depth, "transfers": figures})
