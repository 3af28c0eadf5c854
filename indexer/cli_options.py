"""What the commands about collections share: options, the folder of the collections, and sizes in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from indexer.layout import DATA_DIR_VARIABLE, data_folder, uses_former_folder

DATA_DIR_HELP = "Folder of the collections; by default the user's own data folder"
DataDir = Annotated[Path | None, typer.Option("--data-dir", help=f"{DATA_DIR_HELP} [{DATA_DIR_VARIABLE}].")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CollectionName = Annotated[str, typer.Argument(help="Name of the collection.")]


def folder_of(data_dir: Path | None) -> Path:
    """Return the folder of the collections, and say so where it is the one of an earlier version."""
    folder = data_folder(data_dir)
    if data_dir is None and DATA_DIR_VARIABLE not in os.environ and uses_former_folder():
        typer.echo(f"The collections are in {folder}, where an earlier version put them.", err=True)
    return folder


def size_text(count: int) -> str:
    """Write a number of bytes for people."""
    return f"{count / 1e6:,.1f} MB"
