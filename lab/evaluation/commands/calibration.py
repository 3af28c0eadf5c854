"""``semblance evaluate calibration`` and ``semblance calibrate``: how sure answers are, measured and fitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli_options import DataDir, folder_of
from lab.evaluation.commands.options import (
    DeviceName,
    ModelName,
    OutputFile,
    Seed,
    encode_set,
    match_set,
    write_figures,
)
from models.names import DEFAULT_MODEL

if TYPE_CHECKING:
    from lab.evaluation.calibration import Material
    from models.protocols import DualEncoder

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
DistractorFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--distractors", help="Names of images that only fill up larger collections; repeatable.", exists=True
    ),
]
MatcherNames = Annotated[
    list[str] | None,
    typer.Option("--rerank", help="A matcher of the model: fit the answers that it re-ranks, too; repeatable."),
]
Queries = Annotated[int, typer.Option("--queries", help="Of each kind, of each half of each set, at most.", min=10)]
WriteFile = Annotated[
    Path | None, typer.Option("--write", help="Write what was fitted here: calibration.safetensors beside the weights.")
]


def calibration(
    images: ImagesFolders,
    captions: TokenFiles,
    split: SplitFiles = None,
    distractors: DistractorFiles = None,
    model: ModelName = DEFAULT_MODEL,
    rerank: MatcherNames = None,
    queries: Queries = 200,
    output: OutputFile = None,
    write: WriteFile = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
) -> None:
    """Measure confidence, fitted on one half of the images, on the other half; fit it on all with --write.

    Give --images and --captions, and --split and --distractors where there are some, once for each captioned set.
    """
    from lab.evaluation.calibration import evaluate_calibration
    from lab.evaluation.steadiness import measure_steadiness
    from models.calibration import write_calibrations

    encoder, material = _material(images, captions, split, distractors, model, rerank, queries, device, seed)
    searches, fitted = evaluate_calibration(material)
    figures = {
        "mixture": material.mixture(),
        "searches": searches,
        "steadiness": measure_steadiness(fitted, material, encoder.encode_texts),
    }
    _print(searches)
    _tell_left_out(material)
    write_figures(output, figures)
    if write:
        write_calibrations(write, encoder.card.weights_sha256, fitted)


def calibrate(
    model: Annotated[str, typer.Argument(help="A model of `semblance models`, or hf:<name or folder>.")],
    images: ImagesFolders,
    captions: TokenFiles,
    split: SplitFiles = None,
    distractors: DistractorFiles = None,
    rerank: MatcherNames = None,
    queries: Queries = 200,
    data_dir: DataDir = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
) -> None:
    """Fit how sure a model's answers are to captioned photographs of yours, and keep it in the data folder.

    A few hundred photographs with some captions each are enough. `semblance serve` and `search` find it there when
    they start. What `semblance-base` ships with is not replaced by it.
    """
    from lab.evaluation.calibration import fit_all
    from models.calibration import calibration_file, write_calibrations
    from models.errors import InputError

    encoder, material = _material(images, captions, split, distractors, model, rerank, queries, device, seed)
    if encoder.card.calibrations is not None:
        raise InputError(f"{model} ships with a calibration; semblance evaluate calibration --write FILE makes it anew")
    path = calibration_file(folder_of(data_dir), encoder.card.name)
    write_calibrations(path, encoder.card.weights_sha256, fit_all(material))
    typer.echo(f"{model}: {', '.join(material.searches)}; kept in {path}")
    _tell_left_out(material)


def _material(
    images: list[Path],
    captions: list[Path],
    split: list[Path] | None,
    distractors: list[Path] | None,
    model: str,
    rerank: list[str] | None,
    queries: int,
    device: str,
    seed: int,
) -> tuple[DualEncoder, Material]:
    """Encode the sets and the distractors, and put the queries to them."""
    from lab.evaluation.calibration import make_material
    from models.errors import InputError

    splits: list[Path | None] = list(split) if split else [None for _ in images]
    others: list[Path | None] = list(distractors) if distractors else [None for _ in images]
    if not len(images) == len(captions) == len(splits) == len(others):
        raise InputError(
            "each set needs its --images and --captions, and a --split and --distractors where others have one: "
            f"there are {len(images)}, {len(captions)}, {len(split or [])} and {len(distractors or [])}"
        )
    files = zip(images, captions, strict=True)
    encoded = [encode_set(*both, own, model, device) for both, own in zip(files, splits, strict=True)]
    fillers = [
        encode_set(folder, tokens, names, model, device, texts=False)[1]
        for folder, tokens, names in zip(images, captions, others, strict=True)
        if names is not None
    ]
    matched = [
        [match_set(*files, name, device) for files in zip(images, captions, splits, strict=True)]
        for name in rerank or []
    ]
    encoder = encoded[0][0]
    return encoder, make_material([one for _, one in encoded], fillers, encoder.encode_texts, queries, seed, matched)


def _tell_left_out(material: Material) -> None:
    if material.left_out:
        typer.echo(f"left out, for too few photographs: {', '.join(material.left_out)}", err=True)


def _print(searches: dict[str, Any]) -> None:
    typer.echo("  calibration error  mean confidence  precision  nothing wrongly told  absent told")
    for search, figures in searches.items():
        lines = [(search, figures), *((f"  {name}", one) for name, one in figures["kinds"].items())]
        for name, one in lines:
            told = " ".join(
                f"{one[key]:18.3f}" if one[key] is not None else " " * 17 + "-"
                for key in ("false_nothing", "told_absent")
            )
            error, sure, right = one["expected_calibration_error"], one["confidence"], one["precision"]
            typer.echo(f"  {error:17.3f}  {sure:15.2f}  {right:9.2f}  {told}  {name}")
