"""``semblance evaluate``: measures a model by the protocols of the field."""

from __future__ import annotations

import typer

from models.evaluation.commands.agreement import agreement
from models.evaluation.commands.calibration import calibration
from models.evaluation.commands.captions import captions
from models.evaluation.commands.map import draw_map
from models.evaluation.commands.modifiers import modifiers
from models.evaluation.commands.names import names
from models.evaluation.commands.pairwise import pairwise
from models.evaluation.commands.report import report
from models.evaluation.commands.reranking import reranking
from models.evaluation.commands.retrieval import retrieval
from models.evaluation.commands.semantic import semantic
from models.evaluation.commands.shapes import shapes

app = typer.Typer(no_args_is_help=True, help="Measure a model by the protocols of the field.")
for command in (retrieval, reranking, pairwise, semantic, agreement, modifiers, calibration, shapes, names, captions):
    app.command()(command)
app.command()(report)
app.command("map")(draw_map)
