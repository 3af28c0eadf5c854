"""``semblance evaluate modifiers``: signed words."""

from __future__ import annotations

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    SplitFile,
    TokenFile,
    encode_set,
    write_figures,
)
from models.names import DEFAULT_MODEL


def modifiers(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Add and take away words from query images: how far the results follow, and what remains of the image."""
    from lab.evaluation.modifiers import evaluate_modifiers
    from lab.evaluation.relevance import TfidfRelevance

    encoder, encoded = encode_set(images, captions, split, model, device)
    figures = evaluate_modifiers(encoded, encoder.encode_texts, TfidfRelevance(encoded.data.captions))
    weights, plus, minus = figures["weights"], figures["plus"], figures["minus"]
    typer.echo("  weight  +w lift  +w retention  -w lift  -w retention   (points, and % of NDCG@10)")
    for row in zip(weights, plus["lift"], plus["retention"], minus["lift"], minus["retention"], strict=True):
        typer.echo(
            "  {:6.1f}  {:7.1f}  {:12.1f}  {:7.1f}  {:12.1f}".format(row[0], *(100 * value for value in row[1:]))
        )
    typer.echo(f"  at the default weight, {figures['default_weight']:g}:")
    for sign, side in (("+", plus), ("-", minus)):
        lift = figures["at_default"]["plus" if sign == "+" else "minus"]["lift"]
        share = lift / side["possible"] if side["possible"] else 0.0
        typer.echo(
            f"    {sign}w: {100 * lift:.1f} points of {100 * side['possible']:.1f} possible ({100 * share:.0f} %)"
        )
    at = figures["weights"].index(figures["default_weight"])
    for signs, name in (("+w +u", "plus"), ("+w -u", "minus")):
        pair = figures["pairs"][name]
        typer.echo(
            f"    {signs}: {100 * pair['lift'][at]:.1f} points of w, retention {100 * pair['retention'][at]:.1f} %"
        )
    write_figures(output, figures)
