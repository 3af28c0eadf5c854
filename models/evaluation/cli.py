"""The commands ``semblance evaluate ...``: measure a model by the protocols of the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.metrics.recall_line import recall_line
from models.progress import progress_bar

if TYPE_CHECKING:
    from models.evaluation.encoded import EncodedSet
    from models.types import DualEncoder, Vectors

app = typer.Typer(no_args_is_help=True, help="Measure a model by the protocols of the field.")

ImagesFolder = Annotated[Path, typer.Option("--images", help="Folder of the images.", exists=True, file_okay=False)]
TokenFile = Annotated[
    Path, typer.Option("--captions", help="Token file: name.jpg#0<TAB>caption.", exists=True, dir_okay=False)
]
SplitFile = Annotated[Path | None, typer.Option("--split", help="Names of the images to use, one a line.", exists=True)]
ModelName = Annotated[str, typer.Option("--model", help="A model of `semblance models`, or hf:<name or folder>.")]
DeviceName = Annotated[str, typer.Option("--device", help="cpu, cuda, …; auto takes a GPU where there is one.")]
OutputFile = Annotated[Path | None, typer.Option("--output", help="Write the figures here as JSON, too.")]


@app.command()
def retrieval(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Rank every caption's image and every image's captions: R@1, R@5, R@10, median and mean rank."""
    from models.evaluation.retrieval import evaluate_retrieval

    encoded = _encode(images, captions, split, model, device)[1]
    figures = evaluate_retrieval(encoded)
    for direction, values in figures.items():
        typer.echo(
            f"  {direction.replace('_', ' ')}: R@1/5/10 {recall_line(values)}, median rank {values['median_rank']:g}"
        )
    _write(output, figures)


@app.command()
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

    encoded = _encode(images, captions, split, model, device)[1]
    figures = evaluate_semantic(encoded, TfidfRelevance(encoded.data.captions), _imagenet_features(encoded, device))
    for kind, rows in figures["queries"].items():
        typer.echo(f"  queries by {kind}, area to R = {figures['ranks'][-1]}:")
        for row, values in rows.items():
            typer.echo(f"    {row}: NDCG {100 * values['ndcg_area']:.1f}, PCC {100 * values['pcc_area']:.1f}")
    if "gain_over_imagenet_features" in figures:
        typer.echo(f"  NDCG area over ImageNet features: {100 * figures['gain_over_imagenet_features']:+.1f} %")
    _write(output, figures)


@app.command()
def modifiers(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Add and take away words from query images: how far the results follow, and what remains of the image."""
    from models.evaluation.modifiers import evaluate_modifiers
    from models.evaluation.relevance import TfidfRelevance

    encoder, encoded = _encode(images, captions, split, model, device)
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
    _write(output, figures)


def _imagenet_features(encoded: EncodedSet, device: str) -> Vectors | None:
    """Extract the features to compare with; None, with a note, where their weights are not installed."""
    from models.errors import CheckpointError
    from models.evaluation.imagenet_features import imagenet_features

    files = encoded.data.files
    try:
        with progress_bar() as progress:
            task = progress.add_task("ImageNet features", total=len(files))
            return imagenet_features(
                files, device=device, on_progress=lambda done, _: progress.update(task, completed=done)
            )
    except CheckpointError as error:
        typer.echo(f"  no row 'imagenet features': {error}")
        return None


def _encode(
    images: Path, captions: Path, split: Path | None, model: str, device: str
) -> tuple[DualEncoder, EncodedSet]:
    """Load the model and encode the set, with a progress bar; say what was encoded."""
    from models.data.captioned import read_captioned
    from models.evaluation.encoded import encode_captioned
    from models.registry import load_encoder

    data = read_captioned(images, captions, split)
    encoder = load_encoder(model, device=device)
    with progress_bar() as progress:
        task = progress.add_task("encoding images", total=len(data))
        encoded = encode_captioned(encoder, data, lambda done, _: progress.update(task, completed=done))
    typer.echo(f"{model}: {len(data):,} images, {len(encoded.captions):,} captions")
    return encoder, encoded


def _write(output: Path | None, figures: dict[str, Any]) -> None:
    if output:
        output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
