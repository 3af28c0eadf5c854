"""Commands about a collection's generations: listing them, going back, exporting and importing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli_options import AsJson, CollectionName, DataDir, folder_of, size_text

if TYPE_CHECKING:
    from indexer.generations import KeptGeneration

app = typer.Typer()


@app.command()
def generations(collection: CollectionName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the generations that a collection keeps, the newest first."""
    from indexer.generations import list_generations

    kept = list_generations(folder_of(data_dir), collection)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in kept], indent=2, default=str))
    elif not kept:
        typer.echo(f"{collection} has no generation yet: run semblance index")
    for one in [] if as_json else kept:
        typer.echo(_line(one))


@app.command()
def rollback(
    collection: CollectionName,
    number: Annotated[
        int | None, typer.Argument(help="Generation to go back to. Default: the one before the current one.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make an earlier generation the current one; the next index run publishes anew what the folders hold."""
    from indexer.generations import roll_back

    manifest = roll_back(folder_of(data_dir), collection, number)
    typer.echo(
        f"{collection}: generation {manifest.generation} is current, of {manifest.created_at:%Y-%m-%d %H:%M} UTC"
    )


@app.command(name="export")
def export_(
    collection: CollectionName,
    file: Annotated[Path, typer.Argument(help="File to write, which must not exist yet.")],
    data_dir: DataDir = None,
) -> None:
    """Write a collection's index to one checksummed file, for backup or to move it; photographs are not in it."""
    from indexer.transfer import export_collection

    manifest = export_collection(folder_of(data_dir), collection, file)
    typer.echo(f"{collection}, generation {manifest.generation}: {file}, {size_text(file.stat().st_size)}")


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="File that semblance export wrote.")],
    name: Annotated[str | None, typer.Option(help="Name of the new collection. Default: that of the exported.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a collection of an exported file; import only files from whom you trust."""
    from indexer.transfer import import_collection

    manifest = import_collection(folder_of(data_dir), file, name)
    typer.echo(
        f"{manifest.collection}: generation {manifest.generation}: {manifest.images:,} images, "
        f"{manifest.captions:,} captions"
    )


def _line(one: KeptGeneration) -> str:
    mark = "*" if one.current else " "
    if one.problem:
        return f"{mark} {one.number}  {one.problem}"
    return (
        f"{mark} {one.number}  {one.created_at:%Y-%m-%d %H:%M} UTC  {one.images:,} images  {one.captions:,} captions  "
        f"{size_text(one.bytes)}  {', '.join(one.models)}"
    )
