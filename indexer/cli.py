"""Commands about collections: index, verify, list, delete."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import indexer.cli_generations
from indexer.cli_options import AsJson, CollectionName, DataDir, folder_of, size_text
from indexer.ingest.removals import MIN_PRESENT
from indexer.layout import data_folder, name_of_folder
from models.errors import InputError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from indexer.collections import CollectionSummary
    from indexer.ingest.request import Progress

app = typer.Typer(no_args_is_help=True)
collections_app = typer.Typer(invoke_without_command=True, help="List the collections, or delete one.")
app.add_typer(collections_app, name="collections")
app.add_typer(indexer.cli_generations.app)

_NONE = "none"
_SECONDS_BETWEEN_LINES = 10.0
_NOT_REMOVED = 3  # all else was done; a person should look at what is missing
_INTERRUPTED = 130  # what shells expect of a program that Ctrl-C stopped


@app.command()
def index(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders of photographs, or single files; s3://bucket/folder; tar files: wds://folder, "
            "wds+s3://bucket/folder.",
            metavar="PATH...",
        ),
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="Collection to make or to bring up to date. Default: the first folder's name.")
    ] = None,
    captions: Annotated[
        str | None,
        typer.Option(
            help="Captions: Flickr's token.txt, CSV (file,caption) or JSON lines; none forgets those of earlier runs, "
            "which otherwise stay.",
            metavar="FILE|none",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            help="What to leave out, in gitignore's syntax; repeatable; none forgets the patterns of earlier runs, "
            "which otherwise stay. A file .semblanceignore in any folder does the same.",
            metavar="PATTERN|none",
        ),
    ] = None,
    follow_links: Annotated[
        bool | None,
        typer.Option(
            "--follow-links/--no-follow-links",
            help="Follow symbolic links to places below the folders. Default: as in the last run.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model to encode with; may be repeated. Default: the collection's own, or the shipped one."),
    ] = None,
    matcher: Annotated[
        list[str] | None,
        typer.Option(
            help="Re-ranker whose features to keep, or none; may be repeated. Default: the collection's own, "
            "in a new collection those that come with its models' own pass."
        ),
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Extend the folders instead of replacing them.")] = False,
    again: Annotated[
        str | None, typer.Option(help="Bring this collection up to date from the folders of its last run.")
    ] = None,
    allow_removal: Annotated[
        bool,
        typer.Option(
            "--allow-removal", help="Remove what is gone also where a folder holds hardly any image any more."
        ),
    ] = False,
    min_present: Annotated[
        float,
        typer.Option(
            envvar="SEMBLANCE_MIN_PRESENT",
            min=0,
            max=1,
            help="Share of a folder's images below which it is taken for a drive that is away, and nothing is removed.",
        ),
    ] = MIN_PRESENT,
    keep: Annotated[
        int, typer.Option(min=1, help="Generations to keep where a new one is published, it among them.")
    ] = 2,
    purge: Annotated[
        bool, typer.Option("--purge", help="Drop the vectors of what is gone now, not after three generations.")
    ] = False,
    device: Annotated[
        str, typer.Option(envvar="SEMBLANCE_DEVICE", help="cpu, cuda, …; auto takes a GPU where there is one.")
    ] = "auto",
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            help="Processes that read and encode, by Ray on this machine, or with --ray on that cluster, where 0 is "
            "one for each GPU, or else for each machine. Default: this process alone.",
        ),
    ] = 0,
    ray: Annotated[
        str | None,
        typer.Option(help="Encode on a Ray cluster: host:6379, or auto.", metavar="ADDRESS"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Index folders of photographs: new and changed images are encoded, deleted ones go."""
    from indexer.indexing import index_collection
    from indexer.ingest.request import IndexRequest
    from indexer.report_lines import tell
    from models.imaging.decode_pool import DecoderPool
    from models.imaging.limits import limits_from
    from models.inference.cache_folder import cache_folder
    from models.inference.execution import Execution, available_cores
    from models.library import InstalledModels

    where, limits = folder_of(data_dir), limits_from(os.environ)
    execution = Execution(device=device)
    request = IndexRequest(
        data_dir=where,
        collection=_collection(where, paths or [], collection, again, add=add),
        paths=tuple(paths or ()),
        captions=None if captions in (None, _NONE) else Path(captions),
        drop_captions=captions == _NONE,
        exclude=tuple(pattern for pattern in exclude or () if pattern != _NONE),
        drop_excludes=_NONE in (exclude or ()),
        follow_links=follow_links,
        add=add or again is not None,
        models=tuple(model or ()),
        matchers=tuple(matcher or ()),
        allow_removal=allow_removal,
        min_present=min_present,
        keep=keep,
        purge=purge,
        workers=workers,
        ray=ray,
        execution=execution,
    )
    try:
        with _progress_shown() as progress, DecoderPool(available_cores(), limits) as decoder:
            library = InstalledModels(execution, cache_folder())
            report = index_collection(request, library, decoder=decoder, progress=progress)
    except KeyboardInterrupt:
        typer.echo("Stopped. What was encoded is stored; the same command goes on from there.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    tell(report)
    if report.away:
        raise typer.Exit(_NOT_REMOVED)


def _collection(data_dir: Path, paths: Sequence[str], named: str | None, again: str | None, *, add: bool) -> str:
    """Return the name of the collection to index.

    Raises:
        InputError: the options contradict each other, or nothing says what to index.
        CollectionNotFoundError: the collection to index again does not exist.
        CollectionNameError: the folder's name makes none.
    """
    from indexer.collections import collection_dir, collection_names

    if again is not None:
        if paths or named or add:
            raise InputError("--again takes the folders of the last run: leave PATH, --collection and --add out")
        collection_dir(data_dir, again)
        return again
    if not paths:
        raise InputError("name a folder of photographs, or a collection to bring up to date: --again NAME")
    if named is not None:
        return named
    name = name_of_folder(paths[0])
    if name in collection_names(data_dir) and not add and not _holds(data_dir, name, paths):
        raise InputError(
            f"there is a collection {name!r} already, of other folders: give this one a name with --collection, "
            f"or extend that one with --collection {name} --add"
        )
    return name


def _holds(data_dir: Path, name: str, paths: Sequence[str]) -> bool:
    """Tell whether a collection was last made of just these places."""
    from indexer.collections import collection_roots
    from indexer.sources.opening import as_root

    return collection_roots(data_dir, name) == [as_root(path) for path in paths]


@app.command()
def verify(
    collection: CollectionName,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check every hash and count of a collection's index."""
    from indexer.collections import verify_collection

    report = verify_collection(folder_of(data_dir), collection)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    else:
        typer.echo(
            f"{report.name}, generation {report.generation}: {report.images:,} images, {report.captions:,} captions, "
            f"{report.files} files, {size_text(report.bytes)}: {'damaged' if report.problems else 'sound'}"
        )
        for problem in report.problems:
            typer.echo(f"  {problem}", err=True)
    if report.problems:
        raise typer.Exit(1)


@collections_app.callback()
def list_all(context: typer.Context, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the collections, or delete one."""
    context.obj = folder = folder_of(data_dir)
    if context.invoked_subcommand:
        return
    from indexer.collections import list_collections

    summaries = list_collections(folder)
    if as_json:
        typer.echo(json.dumps([asdict(summary) for summary in summaries], indent=2, default=str))
    elif not summaries:
        typer.echo(f"no collections in {folder}; make one: semblance index FOLDER")
    for summary in [] if as_json else summaries:
        typer.echo(_line(summary))


@collections_app.command()
def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the collection.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder that holds the collections.")] = None,
) -> None:
    """Delete a collection's index; the photographs stay."""
    from indexer.collections import collection_dir, delete_collection

    where = data_folder(data_dir) if data_dir else context.obj
    folder = collection_dir(where, name)
    if not yes:
        typer.confirm(f"Delete the index of {name} in {folder}? The photographs stay.", abort=True)
    delete_collection(where, name)
    typer.echo(f"deleted {name}")


@contextmanager
def _progress_shown() -> Iterator[Progress]:
    """Show rate and remaining time: bars on a terminal, elsewhere a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _PlainProgress()
        return
    rate = TextColumn("{task.fields[rate]}")
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        rate,
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, rate="")
            speed = bars.tasks[tasks[stage]].speed
            bars.update(tasks[stage], completed=done, rate=f"{speed:,.0f}/s" if speed else "")

        yield show


class _PlainProgress:
    """Prints how far a stage is, not more often than a log wants to hear."""

    def __init__(self) -> None:
        self._started: dict[str, tuple[float, int]] = {}
        self._told = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        started, first = self._started.setdefault(stage, (now, done))
        if now - self._told >= _SECONDS_BETWEEN_LINES and done > first:
            self._told, rate = now, (done - first) / (now - started)
            left = timedelta(seconds=round((total - done) / rate))
            typer.echo(f"{stage}: {done:,} of {total:,}, {rate:,.0f}/s, {left} left", err=True)


def _line(summary: CollectionSummary) -> str:
    if summary.problem:
        return f"{summary.name}  {size_text(summary.bytes)}  {summary.problem}"
    return (
        f"{summary.name}  generation {summary.generation}  {summary.images:,} images  {summary.captions:,} captions  "
        f"{size_text(summary.bytes)}  {', '.join(summary.models)}  {summary.created_at:%Y-%m-%d %H:%M} UTC"
    )
