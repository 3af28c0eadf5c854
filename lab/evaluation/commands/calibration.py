"""``semblance evaluate calibration``: confidences, and telling queries that nothing matches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lab.evaluation.commands.options import DeviceName, ModelName, OutputFile, Seed, encode_set, write_figures
from models.names import DEFAULT_MODEL

ImagesFolders = Annotated[
    list[Path], typer.Option("--images", help="Folder of the images; repeatable.", exists=True, file_okay=False)
]
TokenFiles = Annotated[
    list[Path],
    typer.Option("--captions", help="Token file: name.jpg#0<TAB>caption; repeatable.", exists=True, dir_okay=False),
]
SplitFiles = Annotated[
    list[Path] | None,
    typer.Option("--split", help="Names of the images to use, one a line; repeatable.", exists=True),
]
WriteFile = Annotated[
    Path | None, typer.Option("--write", help="Write what was fitted here: calibration.json beside the weights.")
]


def calibration(
    images: ImagesFolders,
    captions: TokenFiles,
    split: SplitFiles = None,
    model: ModelName = DEFAULT_MODEL,
    output: OutputFile = None,
    write: WriteFile = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
) -> None:
    """Fit confidences and measure them: calibration error, and telling queries that nothing matches.

    Give --images, --captions and --split once for each captioned set; the fit is of all of them.
    """
    from lab.evaluation.calibration import evaluate_calibration
    from models.calibration import write_calibrations
    from models.errors import InputError

    splits: list[Path | None] = list(split) if split else [None for _ in images]
    if not len(images) == len(captions) == len(splits):
        raise InputError(
            "each set needs its --images and --captions, and a --split where others have one: "
            f"there are {len(images)}, {len(captions)} and {len(split or [])}"
        )
    encoded = [encode_set(*files, model, device) for files in zip(images, captions, splits, strict=True)]
    figures, calibrations = evaluate_calibration([one for _, one in encoded], seed)
    for direction, values in {"text to image": figures, "image to text": figures["image_to_text"]}.items():
        _print(direction, values)
    write_figures(output, figures)
    if write:
        write_calibrations(write, encoded[0][0].card.weights_sha256, calibrations)


def _print(direction: str, figures: dict[str, Any]) -> None:
    """Print the held-out figures of all collections, of each size, and of a fit carried to another set."""
    typer.echo(f"  {direction}: calibration error of the best 10 (of the first); AUROC of a match (of the cosine)")
    lines = [
        ("all, held out", figures),
        *((f"{one['images']:,} images of {one['set']}", one) for one in figures["collections"]),
        *((f"fitted on {one['fitted_on']}, for {one['measured_on']}", one) for one in figures["transfer"]),
    ]
    for name, one in lines:
        absence = one["nothing_matches"]
        typer.echo(
            f"    {one['expected_calibration_error']:.3f} ({one['first_result']:.3f})"
            f"  {absence['auroc']:.3f} ({absence['auroc_cosine']:.3f})  {name}"
        )
