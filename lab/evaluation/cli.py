"""``semblance evaluate``: measures a model by the protocols of the field."""

from __future__ import annotations

import typer

from lab.evaluation.commands.agreement import agreement
from lab.evaluation.commands.calibration import calibration
from lab.evaluation.commands.captions import captions
from lab.evaluation.commands.colours import colours
from lab.evaluation.commands.explain import explain
from lab.evaluation.commands.map import draw_map
from lab.evaluation.commands.modifiers import modifiers
from lab.evaluation.commands.names import names
from lab.evaluation.commands.negation import negation
from lab.evaluation.commands.pairwise import pairwise
from lab.evaluation.commands.plurals import plurals
from lab.evaluation.commands.proxies import proxies
from lab.evaluation.commands.report import report
from lab.evaluation.commands.reranking import reranking
from lab.evaluation.commands.reranking_transfer import reranking_transfer
from lab.evaluation.commands.retrieval import retrieval
from lab.evaluation.commands.semantic import semantic
from lab.evaluation.commands.shapes import shapes
from lab.evaluation.commands.two_words import two_words

app = typer.Typer(no_args_is_help=True, help="Measure a model by the protocols of the field.")
for command in (
    retrieval, reranking, reranking_transfer, pairwise, semantic, proxies, agreement, modifiers, negation, plurals,
    two_words, colours, calibration, shapes, names, captions, explain,
):  # fmt: skip
    app.command()(command)
app.command()(report)
app.command("map")(draw_map)
