"""``semblance evaluate explain``: how true the methods of explanation are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    ModelName,
    OutputFile,
    Seed,
    SplitFile,
    TokenFile,
    cached_models,
    encoding_bar,
    read_set,
    write_figures,
)
from models.names import DEFAULT_MODEL


def explain(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: ModelName = DEFAULT_MODEL,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="A method; may be repeated. All that fit if not given.")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", help="Photographs, with one caption of each.", min=2)] = 300,
    steps: Annotated[int, typer.Option("--steps", help="Of each deletion and insertion curve.", min=2)] = 16,
    seed: Seed = 0,
    output: OutputFile = None,
    update: Annotated[
        bool, typer.Option("--update", help="Put the methods into the figures that the output file has already.")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write", help="Write what answers tell of the methods here: explanations.json beside the weights."
        ),
    ] = None,
    device: DeviceName = "auto",
) -> None:
    """Delete and insert places, point into montages, ask for what is not there: what of an explanation is true."""
    from lab.evaluation.encoded import encode_captioned
    from lab.evaluation.explain.pairs import draw_pairs
    from lab.evaluation.explain.run import evaluate_explanations
    from lab.evaluation.explain.subjects import load_subjects
    from lab.evaluation.explain.update import check_apart, read_figures, updated
    from models.explain.measured import write_measured
    from models.inference.cache_folder import cache_folder
    from models.inference.execution import Execution
    from models.library import InstalledModels

    before = read_figures(output, pairs, steps) if update else None
    data = read_set(images, captions, split)
    execution = Execution(device=device)
    library = InstalledModels(execution, cache_folder())
    subjects = load_subjects(library, model, method or [], execution, seed)
    if before is not None:
        check_apart(before, {subject.name: subject.explains for subject in subjects if subject.name in (method or [])})
    with encoding_bar() as on_progress:
        encoded = encode_captioned(cached_models(device).encoder(model), data, on_progress, texts=False)
    drawn = draw_pairs(library.encoder(model), data, pairs, seed)
    with encoding_bar("explaining") as on_progress:
        figures = evaluate_explanations(
            drawn, subjects, encoded.images, default=subjects[0].name, steps=steps, seed=seed, on_progress=on_progress
        )
    _say(figures)
    if before is not None:
        figures = updated(before, figures, method or [])
    write_figures(output, figures)
    if write:
        write_measured(write, library.encoder(model).card.weights_sha256, data.name, figures["methods"])


def _say(figures: dict[str, Any]) -> None:
    typer.echo("  method        deletion insertion  ins - del   side by side   2 x 2   told  falsely  random.     ms")
    for name, of in figures["methods"].items():
        gap = of["insertion"]["raw"] - of["deletion"]["raw"]
        randomised = "-" if of["randomised"] is None else f"{of['randomised']:.2f}"
        typer.echo(
            f"  {name:13s} {of['deletion']['normalised']:8.3f} {of['insertion']['normalised']:9.3f} {gap:10.4f}"
            f" {100 * of['montage_2']['mass']:14.1f} {100 * of['montage_4']['mass']:7.1f}"
            f" {100 * of['unrelated']['told']:6.1f} {100 * of['unrelated']['falsely']:8.1f} {randomised:>8s}"
            f" {of['ms']:6.1f}"
        )
