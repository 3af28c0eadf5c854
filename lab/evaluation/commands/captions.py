"""``semblance evaluate captions``: what a captioner writes."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.evaluation.commands.options import (
    DeviceName,
    ImagesFolder,
    OnCard,
    OutputFile,
    Seed,
    SplitFile,
    TokenFile,
    encoding_bar,
    note_on_card,
    read_set,
    write_figures,
)
from models.names import DEFAULT_CAPTIONER

_TIME = "ms_an_image"
"""Depends on the machine, which a card does not tell."""


def captions(
    images: ImagesFolder,
    captions: TokenFile,
    split: SplitFile = None,
    model: Annotated[str, typer.Option(help="A captioner of `semblance models`.")] = DEFAULT_CAPTIONER,
    decoder: Annotated[
        str | None, typer.Option(help="greedy, beam or sample; greedy and beam one after the other if not given.")
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Sentences that beam search follows at once.")] = 3,
    temperature: Annotated[float, typer.Option(min=0.01, help="Of sampling: 1 is the model's own.")] = 1.0,
    output: OutputFile = None,
    card: OnCard = None,
    device: DeviceName = "auto",
    seed: Seed = 1,
) -> None:
    """Caption every image and compare with what people wrote: BLEU-1 to BLEU-4, METEOR, CIDEr-D."""
    from lab.evaluation.captions import evaluate_captions
    from models.captioning.decoders import make_decoder
    from models.inference.cache_folder import cache_folder
    from models.inference.execution import Execution
    from models.library import InstalledModels

    names = [decoder] if decoder else ["greedy", "beam"]
    decoders = {name: make_decoder(name, width=width, temperature=temperature, seed=seed) for name in names}
    data = read_set(images, captions, split)
    captioner = InstalledModels(Execution(device=device), cache_folder()).captioner(model)
    with encoding_bar("captioning images") as on_progress:
        figures = evaluate_captions(captioner, data, decoders, on_progress)
    typer.echo(f"{model}: {len(data):,} images")
    for name, values in figures.items():
        bleu = "/".join(f"{100 * values[f'bleu-{n}']:.1f}" for n in (1, 2, 3, 4))
        typer.echo(
            f"  {name}: BLEU-1 to 4 {bleu}, METEOR {100 * values['meteor']:.1f}, "
            f"CIDEr-D {100 * values['cider-d']:.1f} (times 100), {values['words']:.1f} words, "
            f"{values[_TIME]:.0f} ms an image"
        )
    if card:
        told = {name: {key: value for key, value in of.items() if key != _TIME} for name, of in figures.items()}
        note_on_card(model, card, told)
    write_figures(output, {"model": model, "images": len(data), "width": width, "decoders": figures})
