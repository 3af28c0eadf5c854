"""What the commands of ``semblance evaluate`` share: their options, the encoding of a set, the file of figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.progress import progress_bar

if TYPE_CHECKING:
    from lab.data.captioned import CaptionedImages
    from lab.data.pixels import Progress
    from lab.evaluation.cached_models import CachedModels
    from lab.evaluation.content_cache import ContentCache
    from lab.evaluation.encoded import EncodedSet
    from lab.evaluation.matched import MatchedSet
    from models.protocols import DualEncoder
    from models.types import Vectors

ImagesFolder = Annotated[Path, typer.Option("--images", help="Folder of the images.", exists=True, file_okay=False)]
TokenFile = Annotated[
    Path,
    typer.Option("--captions", help="Captions: name.jpg#0<TAB>caption, .csv or .jsonl.", exists=True, dir_okay=False),
]
SplitFile = Annotated[Path | None, typer.Option("--split", help="Names of the images to use, one a line.", exists=True)]
ModelOrMatcherName = Annotated[
    str, typer.Option("--model", help="A model or matcher of `semblance models`, or hf:<name or folder>.")
]
ModelName = Annotated[str, typer.Option("--model", help="A model of `semblance models`, or hf:<name or folder>.")]
DeviceName = Annotated[str, typer.Option("--device", help="cpu, cuda, …; auto takes a GPU where there is one.")]
OutputFile = Annotated[Path | None, typer.Option("--output", help="Write the figures here as JSON, too.")]
ProxyName = Annotated[
    str,
    typer.Option("--proxy", help="What counts as relevant: tfidf, meteor, word2vec-fv or generated."),
]
Date = Annotated[str | None, typer.Option("--date", help="The date to print; today's if not given.")]
Seed = Annotated[int, typer.Option("--seed", help="Of what is drawn at random.", min=0)]
ShuffleWords = Annotated[
    bool, typer.Option("--shuffle-words", help="Put each caption's words in a random order: does the model read order?")
]


CACHE = Path("var/evaluation")
"""Keeps what models computed of photographs and sentences; it may be deleted at any time."""


def evaluation_cache() -> ContentCache:
    """Return the cache that all commands share."""
    from lab.evaluation.content_cache import ContentCache

    return ContentCache(CACHE)


def cached_models(device: str) -> CachedModels:
    """Return the models on a device; they compute nothing of a photograph or sentence a second time."""
    from lab.evaluation.cached_models import CachedModels
    from models.inference.cache_folder import cache_folder
    from models.inference.device import resolve_device
    from models.inference.execution import Execution
    from models.library import InstalledModels

    return CachedModels(
        InstalledModels(Execution(device=device), cache_folder()), evaluation_cache(), resolve_device(device)
    )


def read_set(images: Path, captions: Path, split: Path | None, shuffled: int | None = None) -> CaptionedImages:
    """Read a captioned set; its captions' words are shuffled where there is a seed for it."""
    from lab.data.captioned import read_captioned

    data = read_captioned(images, captions, split, name=split.stem if split else "")
    return data if shuffled is None else data.with_words_shuffled(shuffled)


def encode_set(
    images: Path,
    captions: Path,
    split: Path | None,
    model: str,
    device: str,
    shuffled: int | None = None,
    *,
    texts: bool = True,
) -> tuple[DualEncoder, EncodedSet]:
    """Load the model and encode the set, without captions if so asked, with a progress bar; say what was encoded."""
    from lab.evaluation.encoded import encode_captioned

    data = read_set(images, captions, split, shuffled)
    encoder = cached_models(device).encoder(model)
    with encoding_bar() as on_progress:
        encoded = encode_captioned(encoder, data, on_progress, texts=texts)
    typer.echo(f"{model}: {len(data):,} images, {len(encoded.captions):,} captions")
    return encoder, encoded


def imagenet_baseline(data: CaptionedImages, device: str) -> Vectors | None:
    """Extract the features to compare with; None, with a note, where their weights are not installed."""
    from lab.evaluation.imagenet_features import imagenet_features
    from models.errors import CheckpointError

    try:
        with encoding_bar("ImageNet features") as on_progress:
            return imagenet_features(data.files, device=device, on_progress=on_progress, cache=evaluation_cache())
    except CheckpointError as error:
        typer.echo(f"  without ImageNet's features: {error}")
        return None


def is_matcher(name: str) -> bool:
    """Tell whether a name is of a shipped matcher."""
    from models.shipped import matcher_cards

    return name in [card.name for card in matcher_cards()]


def match_set(
    images: Path, captions: Path, split: Path | None, matcher: str, device: str, shuffled: int | None = None
) -> MatchedSet:
    """Load the matcher and compute its features of the set, with a progress bar; say of what."""
    from lab.evaluation.matched import match_captioned

    data = read_set(images, captions, split, shuffled)
    with encoding_bar("features") as on_progress:
        matched = match_captioned(cached_models(device).matcher(matcher), data, on_progress)
    typer.echo(f"{matcher}: {len(data):,} images, {len(matched.image_of_caption):,} captions")
    return matched


@contextmanager
def encoding_bar(what: str = "encoding images") -> Iterator[Progress]:
    """Show how many images are encoded."""
    with progress_bar() as progress:
        task = progress.add_task(what)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def today() -> str:
    """Return the date in UTC, ISO 8601."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


OnCard = Annotated[
    str | None, typer.Option("--card", help="Note the figures on the model's card, too, as those of this data set.")
]


def note_on_card(model: str, data: str, figures: dict[str, Any]) -> None:
    """Set the ``quality`` that the card of a model that ships tells for a data set."""
    from models.cards import CARD
    from models.shipped import weights_folder

    path = weights_folder(model) / CARD
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["quality"] = {**fields.get("quality", {}), data: figures}
    path.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def write_figures(output: Path | None, figures: dict[str, Any]) -> None:
    """Write a command's figures where they are asked for."""
    if output:
        output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
