"""The command ``semblance``: its own commands ``serve`` and ``search``, and those of the indexer and the models.

What is slow to import is imported inside the commands, so that ``semblance --help`` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

import indexer.cli
import models.cli
from indexer.cli_options import DATA_DIR_HELP, folder_of
from indexer.layout import DATA_DIR_VARIABLE
from models.errors import InputError, SemblanceError

if TYPE_CHECKING:
    from models.evidence import Evidence
    from service.offline import Line

_OF_EXTRAS = dict.fromkeys(
    ("jinja2", "matplotlib", "openTSNE", "sacrebleu", "scipy", "sklearn", "snowballstemmer"), "evaluate"
)
"""Packages that only some commands need, and the extra that brings each."""

_DIVIDER = "      -- weak --"


class _OneLineErrors(TyperGroup):
    """Prints an expected error in one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except SemblanceError as error:
            print(f"semblance: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except ModuleNotFoundError as error:
            if error.name not in _OF_EXTRAS:
                raise
            extra = _OF_EXTRAS[error.name]
            print(f"semblance: this command needs {error.name}: pip install 'semblance[{extra}]'", file=sys.stderr)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_OneLineErrors,
    help="Find images by meaning: by words, by an image, by an image and signed words.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

DataDir = Annotated[Path | None, typer.Option(help=f"{DATA_DIR_HELP} [{DATA_DIR_VARIABLE}].")]


@app.command()
def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [SEMBLANCE_HOST, 127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [SEMBLANCE_PORT, 8000].")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser when it is ready.")] = False,
) -> None:
    """Answer over HTTP, with a web page at /. All settings: docs/settings.md."""
    from service.logs import configure_logging
    from service.lossy_stream import occupy_standard_descriptors
    from service.preflight import check_before_serving
    from service.server import listen, run
    from service.settings import load_settings

    occupy_standard_descriptors()
    settings = load_settings(data_dir=folder_of(data_dir), host=host, port=port)
    configure_logging(settings.log_format)
    check_before_serving(settings, data_dir_given=data_dir is not None)
    run(settings, listen(settings), on_ready=typer.launch if open_page else None)


@app.command()
def search(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COLLECTION] [QUERY]...",
            help='What to look for, such as "mountain +snow -castle"; - reads one query a line from standard input. '
            "The collection may be left out where there is only one.",
        ),
    ] = None,
    collection: Annotated[str | None, typer.Option("--collection", "-c", help="Name of the collection.")] = None,
    image: Annotated[Path | None, typer.Option(help="An image to look for; words steer it.")] = None,
    modifier: Annotated[list[str] | None, typer.Option(help="Signed words, +beach or -people; repeatable.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="Number of results.")] = 10,
    target: Annotated[Literal["image", "text"], typer.Option(help="Find images, or captions.")] = "image",
    rerank: Annotated[
        str | None, typer.Option(help="Matcher that re-ranks the best images [SEMBLANCE_RERANK].")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Leave out results of less confidence, and those without one.")
    ] = None,
    negation: Annotated[
        Literal["on", "off"], typer.Option(help='Subtract what the sentence says is absent: "a beach without people".')
    ] = "on",
    correct: Annotated[
        Literal["on", "off"], typer.Option(help="Read a word in which one letter is wrong as a word of captions.")
    ] = "on",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
    files: Annotated[bool, typer.Option("--files", help="Print paths and nothing else.")] = False,
    null: Annotated[bool, typer.Option("--null", "-0", help="As --files, for xargs -0.")] = False,
    open_best: Annotated[bool, typer.Option("--open", help="Open the best result of each query.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Search a collection without a server: rank, how strong the match is, and path below the folder."""
    from service.logs import configure_quiet_logging
    from service.offline import Searcher, choose_collection
    from service.search.grammar import parse_page
    from service.settings import load_settings

    configure_quiet_logging()
    settings = load_settings(data_dir=folder_of(data_dir))
    page = parse_page(k, 0, settings.query_limits)
    steered = image is not None or bool(modifier)
    name, queries = choose_collection(settings, list(arguments or ()), collection, steered=steered)
    queries = [query for given in queries for query in (sys.stdin.read().splitlines() if given == "-" else [given])]
    source = None if image is None else _read(image)
    with Searcher(settings, name, rerank) as searcher:
        for query in queries or [""]:
            lines, warnings = searcher.search(
                query,
                source,
                modifier or [],
                target,
                page,
                min_confidence,
                negation=negation == "on",
                correct=correct == "on",
            )
            for warning in warnings:
                print(f"semblance: {warning}", file=sys.stderr)
            _print(query, lines, len(queries) > 1, target, as_json=as_json, files=files, null=null)
            if open_best and lines:
                typer.launch(lines[0].file)


@app.command()
def explain(
    result: Annotated[str, typer.Argument(help="A photograph, or the id of an image or a caption of a collection.")],
    query: Annotated[str, typer.Argument(help='What was searched for, such as "mountain +snow -castle".')] = "",
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Name of the collection that an id is of.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="The image that was searched by; words steer it.")] = None,
    modifier: Annotated[list[str] | None, typer.Option(help="Signed words, +beach or -people; repeatable.")] = None,
    target: Annotated[Literal["image", "text"], typer.Option(help="What was found: an image, or a caption.")] = "image",
    rerank: Annotated[str | None, typer.Option(help="Matcher that re-ranked the search [SEMBLANCE_RERANK].")] = None,
    method: Annotated[str | None, typer.Option(help="How the map is made; the model's default if not given.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the photograph with its map here, as PNG.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Explain why a photograph or a caption matches, without a server: by places, terms and words."""
    from service.logs import configure_quiet_logging
    from service.offline_explain import Asked, explain_offline
    from service.settings import load_settings

    configure_quiet_logging()
    settings = load_settings(data_dir=folder_of(data_dir))
    source = None if image is None else _read(image)
    asked = Asked(result, query, source, modifier or [], collection, target, method, rerank)
    found = explain_offline(settings, asked)
    if output is not None and found.png is None:
        raise InputError("words found a caption: there is no picture to paint on; leave --output out")
    _print_evidence(found.evidence, found.method)
    if output is not None and found.png is not None:
        _write(output, found.png)
        strength = f"orange speaks for it, blue against, at full strength {found.evidence.scale:.3f}"
        painted = "nothing is painted on it" if found.evidence.silent else strength
        print(f"{painted}: {output}")


def _print_evidence(evidence: Evidence, method: str) -> None:
    print(f"score {evidence.score:.4f} by {method}")
    if evidence.silent:
        print("nothing in this picture speaks for the query")
    for term, value in evidence.contributions:
        print(f"  {value:+.4f}  {term}")
    for words in evidence.words:
        whose = "the caption's words" if words.of == "result" else "words"
        print(f"  {whose}: " + "  ".join(f"{word.word} {word.value:+.3f}" for word in words.words))


def _write(path: Path, content: bytes) -> None:
    """Write a file that was asked for.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def _print(
    query: str, lines: list[Line], several: bool, target: str, *, as_json: bool, files: bool, null: bool
) -> None:
    if as_json:
        for line in lines:
            print(json.dumps({"query": query, **asdict(line)}))
        return
    if files or null:
        for line in lines:
            sys.stdout.buffer.write(os.fsencode(line.key) + (b"\0" if null else b"\n"))
        sys.stdout.flush()
        return
    if several:
        print(query)
    for before, line in zip([None, *lines], lines, strict=False):
        if line.strength == "weak" and before is not None and before.strength != "weak":
            print(_DIVIDER)
        caption = f"  {line.caption}" if target == "text" else ""
        print(f"{line.rank:4}  {line.strength:8}  {line.path}{caption}")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"semblance {version('semblance')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find images by meaning: by words, by an image, by an image and signed words."""


app.add_typer(indexer.cli.app)
app.add_typer(models.cli.app)
for commands in entry_points(group="semblance.commands"):  # of packages that this one does not import, such as lab
    app.add_typer(commands.load())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


if __name__ == "__main__":
    app()
