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
