"""The command ``semblance``: its own commands ``serve`` and ``search``, and those of the indexer and the models.

What is slow to import is imported inside the commands, so that ``semblance --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

import indexer.cli
import models.cli
from models.errors import InputError, QueryError, SemblanceError

_OF_EXTRAS = dict.fromkeys(
    ("jinja2", "matplotlib", "openTSNE", "sacrebleu", "scipy", "sklearn", "snowballstemmer"), "evaluate"
)
"""Packages that only some commands need, and the extra that brings each."""


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

DataDir = Annotated[Path | None, typer.Option(help="Folder of the collections [SEMBLANCE_DATA_DIR, var/semblance].")]


@app.command()
def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [SEMBLANCE_HOST, 127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [SEMBLANCE_PORT, 8000].")] = None,
) -> None:
    """Answer over HTTP, with a web page at /. All settings: docs/settings.md."""
    from service.logs import configure_logging
    from service.preflight import check_before_serving
    from service.server import listen, run
    from service.settings import load_settings

    settings = load_settings(data_dir=data_dir, host=host, port=port)
    configure_logging(settings.log_format)
    check_before_serving(settings, data_dir_given=data_dir is not None)
    run(settings, listen(settings))


@app.command()
def search(
    collection: Annotated[str, typer.Argument(help="Name of the collection.")],
    words: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    image: Annotated[Path | None, typer.Option(help="An image to look for, instead of words.")] = None,
    modifier: Annotated[list[str] | None, typer.Option(help="Signed words, +beach or -people; repeatable.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="Number of results.")] = 10,
    target: Annotated[Literal["image", "text"], typer.Option(help="Find images, or captions.")] = "image",
    rerank: Annotated[
        str | None, typer.Option(help="Matcher that re-ranks the best images [SEMBLANCE_RERANK].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Search a collection without a server, and print ranked paths with score and, where calibrated, confidence."""
    from service.logs import configure_quiet_logging
    from service.offline import search_once
    from service.search.grammar import (
        WEIGHT_BESIDE_IMAGE,
        WEIGHT_BESIDE_SENTENCE,
        parse_modifiers,
        parse_page,
        parse_sentence,
    )
    from service.search.query import ImageFile, Query, Sentence
    from service.settings import load_settings

    configure_quiet_logging()
    settings = load_settings(data_dir=data_dir)
    limits = settings.query_limits
    page = parse_page(k, 0, limits)
    source: Sentence | ImageFile
    match words, image:
        case str(), None:
            source, weight = parse_sentence(words, limits), WEIGHT_BESIDE_SENTENCE
        case None, Path():
            source, weight = ImageFile(_read(image)), WEIGHT_BESIDE_IMAGE
        case _:
            raise QueryError("Give either words or --image; --modifier steers both.")
    query = Query(source, parse_modifiers(modifier or [], limits, weight))
    lines, warnings = search_once(settings, collection, query, target, page, rerank=rerank)
    for warning in warnings:
        print(f"semblance: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps([asdict(line) for line in lines], indent=1))
        return
    for line in lines:
        caption = f"  {line.caption}" if target == "text" else ""
        confidence = "" if line.confidence is None else f"{line.confidence:4.0%}  "
        print(f"{line.rank:4}  {line.score:.4f}  {confidence}{line.path}{caption}")


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
