"""The commands ``semblance evaluate ...``: measure a model by the protocols of the field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.metrics.recall_line import recall_line
from models.progress import progress_bar

if TYPE_CHECKING:
    from models.evaluation.encoded import EncodedSet, Progress
    from models.types import DualEncoder

app = typer.Typer(no_args_is_help=True, help="Measure a model by the protocols of the field.")

ImagesFolder = Annotated[Path, typer.Option("--images", help="Folder of the images.", exists=True, file_okay=False)]
TokenFile = Annotated[
    Path, typer.Option("--captions", help="Token file: name.jpg#0<TAB>caption.", exists=True, dir_okay=False)
]
SplitFile = Annotated[Path | None, typer.Option("--split", help="Names of the images to use, one a line.", exists=True)]
ModelName = Annotated[str, typer.Option("--model", help="A model of `semblance models`, or hf:<name or folder>.")]
DeviceName = Annotated[str, typer.Option("--device", help="cpu, cuda, …; auto takes a GPU where there is one.")]
OutputFile = Annotated[Path | None, typer.Option("--output", help="Write the figures here as JSON, too.")]
Seed = Annotated[int, typer.Option("--seed", help="Of what is drawn at random.", min=0)]


@app.command()
def retrieval(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
) -> None:
    """Rank every caption's image and every image's captions: R@1, R@5, R@10, median and mean rank."""
    from models.evaluation.retrieval import evaluate_retrieval

    encoded = _encode(images, captions, split, model, device)[1]
    figures = evaluate_retrieval(encoded, seed)
    for direction, values in figures.items():
        low, high = values["intervals"]["r@10"]
        typer.echo(
            f"  {direction.replace('_', ' ')}: R@1/5/10 {recall_line(values)} "
            f"(R@10 {100 * low:.1f} to {100 * high:.1f}), median rank {values['median_rank']:g}"
        )
    _write(output, figures)


@app.command()
def pairwise(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
    samples: Annotated[int, typer.Option(help="Captions to draw.", min=1)] = 6400,
) -> None:
    """Tell a caption's own image from another one: accuracy over random pairs."""
    from models.evaluation.pairwise import evaluate_pairwise

    encoded = _encode(images, captions, split, model, device)[1]
    figures = evaluate_pairwise(encoded, samples, seed)
    low, high = figures["interval"]
    typer.echo(f"  accuracy {100 * figures['accuracy']:.2f} ({100 * low:.2f} to {100 * high:.2f})")
    _write(output, figures)


@app.command()
def agreement(
    images: ImagesFolder,
    judgements: Annotated[
        Path, typer.Option(help="Triplets, or Flickr8k's expert or crowd judgements.", exists=True, dir_okay=False)
    ],
    captions: Annotated[
        Path | None,
        typer.Option(help="Token file of the captions judged; not for triplets.", exists=True, dir_okay=False),
    ] = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Compare scores with what people said: of two images which is nearer, or how well a caption fits."""
    from models.data.captioned import read_captions
    from models.data.judgements import read_judgements
    from models.evaluation.agreement import evaluate_agreement
    from models.registry import load_encoder

    judged = read_judgements(judgements, images, read_captions(captions) if captions else None)
    encoder = load_encoder(model, device=device)
    with _encoding_bar() as on_progress:
        figures = evaluate_agreement(encoder, judged, images, on_progress)
    typer.echo(f"{model}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if value is not None))
    _write(output, figures)


@app.command()
def shapes(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = "semblance-base",
    output: OutputFile = None,
    device: DeviceName = "auto",
) -> None:
    """Rank with square images brought to 4:3, 3:4 and 16:9, stretched and cropped, beside the squares."""
    from models.data.captioned import read_captioned
    from models.evaluation.shapes import WAYS, evaluate_shapes
    from models.registry import load_encoder

    data = read_captioned(images, captions, split)
    encoder = load_encoder(model, device=device)
    with _encoding_bar() as on_progress:
        figures = evaluate_shapes(encoder, data, on_progress)
    typer.echo(f"{model}: {len(data):,} images; in brackets R@10 less the squares', in points")
    rows = [("square", figures["square"])]
    rows += [(f"{shape} {way}", values) for way in WAYS for shape, values in figures[way].items()]
    for name, values in rows:
        for direction, recalls in values.items():
            points = 100 * (recalls["r@10"] - figures["square"][direction]["r@10"])
            typer.echo(f"  {name}, {direction.replace('_', ' ')}: R@1/5/10 {recall_line(recalls)} ({points:+.1f})")
    _write(output, figures)


def _encode(
    images: Path, captions: Path, split: Path | None, model: str, device: str
) -> tuple[DualEncoder, EncodedSet]:
    """Load the model and encode the set, with a progress bar; say what was encoded."""
    from models.data.captioned import read_captioned
    from models.evaluation.encoded import encode_captioned
    from models.registry import load_encoder

    data = read_captioned(images, captions, split)
    encoder = load_encoder(model, device=device)
    with _encoding_bar() as on_progress:
        encoded = encode_captioned(encoder, data, on_progress)
    typer.echo(f"{model}: {len(data):,} images, {len(encoded.captions):,} captions")
    return encoder, encoded


@contextmanager
def _encoding_bar() -> Iterator[Progress]:
    with progress_bar() as progress:
        task = progress.add_task("encoding images")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _write(output: Path | None, figures: dict[str, Any]) -> None:
    if output:
        output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
