"""``semblance evaluate retrieval``: image-sentence retrieval."""

from __future__ import annotations

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelOrMatcherName,
    OutputFile,
    Seed,
    ShuffleWords,
    SplitFile,
    TokenFile,
    encode_set,
    encoding_bar,
    is_matcher,
    match_set,
    write_figures,
)
from models.names import DEFAULT_MODEL
from models.recall_line import recall_line


def retrieval(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelOrMatcherName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
    shuffle_words: ShuffleWords = False,
) -> None:
    """Rank every caption's image and every image's captions: R@1, R@5, R@10, median and mean rank."""
    from lab.evaluation.retrieval import evaluate_retrieval, evaluate_score_retrieval

    given = (images, captions, split, model, device, seed if shuffle_words else None)
    if is_matcher(model):
        matched = match_set(*given)
        with encoding_bar("scoring captions") as progress:
            figures = evaluate_score_retrieval(matched.scores(progress), matched.image_of_caption, seed)
    else:
        figures = evaluate_retrieval(encode_set(*given)[1], seed)
    for direction, values in figures.items():
        low, high = values["intervals"]["r@10"]
        typer.echo(
            f"  {direction.replace('_', ' ')}: R@1/5/10 {recall_line(values)} "
            f"(R@10 {100 * low:.1f} to {100 * high:.1f}), median rank {values['median_rank']:g}"
        )
    write_figures(output, figures)
