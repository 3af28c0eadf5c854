"""Commands about collections: index, verify, list, delete."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.layout import DATA_DIR_VARIABLE, DEFAULT_DATA_DIR

if TYPE_CHECKING:
    from rich.progress import TaskID

    from indexer.collections import CollectionSummary
    from indexer.ingest.request import IndexReport, Progress

app = typer.Typer(no_args_is_help=True)
collections_app = typer.Typer(invoke_without_command=True, help="List the collections, or delete one.")
app.add_typer(collections_app, name="collections")

DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar=DATA_DIR_VARIABLE, help="Folder that holds the collections.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_NAMED_AT_MOST = 20  # files named one by one before "and so on"
_SECONDS_BETWEEN_LINES = 10.0
_INTERRUPTED = 130  # what shells expect of a program that Ctrl-C stopped


@app.command()
def index(
    paths: Annotated[list[Path], typer.Argument(help="Folders of photographs, or single files.", metavar="PATH...")],
    collection: Annotated[str, typer.Option(help="Name of the collection to make or to bring up to date.")],
    captions: Annotated[
        Path | None, typer.Option(help="Captions: Flickr's token.txt, CSV (file,caption) or JSON lines.")
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
    device: Annotated[
        str, typer.Option(envvar="SEMBLANCE_DEVICE", help="cpu, cuda, …; auto takes a GPU where there is one.")
    ] = "auto",
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Index folders of photographs: new and changed images are encoded, deleted ones go."""
    from indexer.indexing import index_collection
    from indexer.ingest.request import IndexRequest
    from models.inference.cache_folder import cache_folder
    from models.inference.execution import Execution
    from models.library import InstalledModels

    execution = Execution(device=device)
    request = IndexRequest(
        data_dir=data_dir,
        collection=collection,
        paths=tuple(paths),
        captions=captions,
        add=add,
        models=tuple(model or ()),
        matchers=tuple(matcher or ()),
        execution=execution,
    )
    try:
        with _progress_shown() as progress:
            report = index_collection(request, InstalledModels(execution, cache_folder()), progress=progress)
    except KeyboardInterrupt:
        typer.echo("Stopped. What was encoded is stored; the same command goes on from there.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    _tell(report)


@app.command()
def verify(
    collection: Annotated[str, typer.Argument(help="Name of the collection.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Check every hash and count of a collection's index."""
    from indexer.collections import verify_collection

    report = verify_collection(data_dir, collection)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    else:
        typer.echo(
            f"{report.name}, generation {report.generation}: {report.images:,} images, {report.captions:,} captions, "
            f"{report.files} files, {_size(report.bytes)}: {'damaged' if report.problems else 'sound'}"
        )
        for problem in report.problems:
            typer.echo(f"  {problem}", err=True)
    if report.problems:
        raise typer.Exit(1)


@collections_app.callback()
def list_all(context: typer.Context, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """List the collections, or delete one."""
    context.obj = data_dir
    if context.invoked_subcommand:
        return
    from indexer.collections import list_collections

    summaries = list_collections(data_dir)
    if as_json:
        typer.echo(json.dumps([asdict(summary) for summary in summaries], indent=2, default=str))
    elif not summaries:
        typer.echo(f"no collections in {data_dir}; make one: semblance index FOLDER --collection NAME")
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

    where = data_dir or context.obj
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


def _tell(report: IndexReport) -> None:
    """Print what indexing did; what a person should look at goes to stderr."""
    for path, reason in report.failed[:_NAMED_AT_MOST]:
        _echo(f"skipped {path}: {reason}", err=True)
    if len(report.failed) > _NAMED_AT_MOST:
        _echo(f"skipped {len(report.failed) - _NAMED_AT_MOST} more files", err=True)
    for suffix, count in sorted(report.unsupported.items()):
        _echo(f"{count} {suffix} files are of a format that is not supported", err=True)
    if report.links:
        _echo(f"{report.links} symbolic links were not followed", err=True)
    if report.unmatched_captions:
        some = ", ".join(report.unmatched_captions[:3])
        _echo(f"{len(report.unmatched_captions)} names in captions fit no image, or several: {some}", err=True)
    state = "unchanged, nothing published" if report.generation is None else f"generation {report.generation}"
    rates = [
        f"{rate:,.0f} {things}/s"
        for rate, things in ((report.images_per_s, "images"), (report.captions_per_s, "captions"))
        if rate
    ]
    _echo(
        f"{report.collection}: {state}: {report.images:,} images ({report.added:,} encoded, {report.reused:,} reused, "
        f"{report.deleted:,} deleted, {report.duplicates:,} duplicates, {len(report.failed):,} failed), "
        f"{report.captions:,} captions; {report.seconds:.1f} s{''.join(f', {rate}' for rate in rates)}"
    )


def _line(summary: CollectionSummary) -> str:
    if summary.problem:
        return f"{summary.name}  {_size(summary.bytes)}  {summary.problem}"
    return (
        f"{summary.name}  generation {summary.generation}  {summary.images:,} images  {summary.captions:,} captions  "
        f"{_size(summary.bytes)}  {', '.join(summary.models)}  {summary.created_at:%Y-%m-%d %H:%M} UTC"
    )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _echo(line: str, *, err: bool = False) -> None:
    """Print text that may hold file names in no encoding at all."""
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    typer.echo(line.encode(encoding, "backslashreplace").decode(encoding), err=err)
