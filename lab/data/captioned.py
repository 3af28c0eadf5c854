"""Captioned photographs in the Flickr8k layout: a folder of images, a token file, split files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from indexer.ingest.captions import read_caption_file, read_token_file
from models.errors import InputError

TRAIN_SETS = ("flickr8k-train", "coco-train")
DEV_SETS = ("flickr8k-dev", "coco-dev")
"""What models are trained on, and what decides between them; test splits are for neither."""

_VARIABLE = "SEMBLANCE_TRAINING_DATA"
_DEFAULT = Path("../shared/data")


@dataclass(frozen=True)
class CaptionedImages:
    """Images with their captions, in a fixed order.

    Attributes:
        name: of the set and split, for reports.
        files: one path an image.
        captions: one tuple an image, at least one caption each.
    """

    name: str
    files: tuple[Path, ...]
    captions: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.files)

    def flat_captions(self) -> tuple[list[str], list[int]]:
        """Return all captions and, for each, the index of its image."""
        pairs = [(caption, image) for image, captions in enumerate(self.captions) for caption in captions]
        return [caption for caption, _ in pairs], [image for _, image in pairs]

    def first(self, count: int) -> CaptionedImages:
        """Return the first images with their captions."""
        return CaptionedImages(self.name, self.files[:count], self.captions[:count])

    def with_words_shuffled(self, seed: int) -> CaptionedImages:
        """Return the images with their captions' words in random orders: what can still be told by them needs none."""
        random = np.random.default_rng(seed)
        return replace(self, captions=tuple(tuple(_shuffled(one, random) for one in own) for own in self.captions))


def read_captioned(images: Path, token_file: Path, split_file: Path | None = None, name: str = "") -> CaptionedImages:
    """Read captions in any form that the indexer reads; a split file (one name a line) selects and orders the images.

    Captions without a word in them are left out.

    Raises:
        InputError: a file that cannot be read, a malformed line, a split image without captions, or a missing image
            file, by name.
    """
    captions = _read_tokens(token_file)
    names = _read_split(split_file) if split_file else sorted(captions)
    if without := [n for n in names if n not in captions]:
        raise InputError(f"{token_file.name} has no caption for {len(without)} images, such as {without[0]}")
    files = tuple(images / n for n in names)
    if missing := [f.name for f in files if not f.is_file()]:
        raise InputError(f"{len(missing)} images are not in {images}, such as {missing[0]}")
    return CaptionedImages(name or token_file.stem, files, tuple(tuple(captions[n]) for n in names))


def read_captions(token_file: Path) -> dict[str, str]:
    """Read the captions by their keys, ``name.jpg#i``.

    Raises:
        InputError: the file cannot be read, or a line of it is malformed.
    """
    return dict(read_token_file(token_file))


def training_data_root() -> Path | None:
    """Return the folder of training photographs (``SEMBLANCE_TRAINING_DATA``), or None where there is none."""
    root = Path(os.environ.get(_VARIABLE) or _DEFAULT)
    return root if (root / "flickr8k").is_dir() else None


def load_split(name: str, root: Path | None = None) -> CaptionedImages:
    """Load ``flickr8k-train``, ``flickr8k-dev``, ``coco-train`` or ``coco-dev``.

    Raises:
        InputError: the training photographs are not here.
    """
    root = root or training_data_root()
    if root is None:
        raise InputError(f"the captioned photographs are not here: set {_VARIABLE} to their folder")
    collection, split = name.split("-")
    folder = root / collection
    if collection == "flickr8k":
        tokens, listing = "Flickr8k.token.txt", f"Flickr_8k.{split}Images.txt"
    else:
        tokens, listing = "coco.token.txt", f"coco.{split}Images.txt"
    return read_captioned(folder / "images", folder / tokens, folder / listing, name)


def join(sets: Iterable[CaptionedImages], name: str) -> CaptionedImages:
    """Put several sets behind one another."""
    parts = list(sets)
    return CaptionedImages(
        name, tuple(f for part in parts for f in part.files), tuple(c for part in parts for c in part.captions)
    )


def _shuffled(text: str, random: np.random.Generator) -> str:
    return " ".join(random.permutation(text.split()))


def _read_tokens(path: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = defaultdict(list)
    for caption in read_caption_file(path):
        captions[caption.name].append(caption.text)
    return captions


def _read_split(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
