"""The photographs and captions that are measured on: Flickr8k, or a few hundred of it for a quick try."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.data.captioned import training_data_root

_QUICK_IMAGES = 200
_QUICK_CAPTIONS = 320


@dataclass(frozen=True)
class Photographs:
    """What is indexed and what is asked.

    Attributes:
        name: of the collection that is made of them.
        files: every photograph.
        paths: what ``semblance index`` is given: their folder, or the files one by one.
        token_lines: ``name.jpg#0<TAB>caption``, of the files.
        quick: a try that the programs work, not a measurement.
    """

    name: str
    files: tuple[Path, ...]
    paths: tuple[Path, ...]
    token_lines: tuple[str, ...]
    quick: bool

    def queries(self) -> list[str]:
        """Return the captions, each once, in an order that is always the same and has nothing to do with the files'."""
        captions = sorted({line.partition("\t")[2].strip() for line in self.token_lines})
        random.Random(0).shuffle(captions)
        return captions


def load_photographs(*, quick: bool) -> Photographs:
    """Find Flickr8k; ends the program, saying what is missing, where it is not here."""
    root = training_data_root()
    if root is None:
        sys.exit("benchmarks: Flickr8k is not here: set SEMBLANCE_TRAINING_DATA to the folder that holds flickr8k/")
    folder = (root / "flickr8k" / "images").resolve()
    lines = (root / "flickr8k" / "Flickr8k.token.txt").read_text(encoding="utf-8-sig").splitlines()
    files = tuple(sorted(folder.glob("*.jpg")))
    if quick:
        files = files[:_QUICK_IMAGES]
        return Photographs("flickr8k-quick", files, files, tuple(lines[:_QUICK_CAPTIONS]), quick)
    return Photographs("flickr8k", files, (folder,), tuple(lines), quick)
