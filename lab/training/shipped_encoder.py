"""The last step of every dual encoder's training: write it, load it as the service does, measure it, write its card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from lab.checkpoint import write_checkpoint
from lab.data.captioned import DEV_SETS, load_split
from lab.evaluation.encoded import encode_captioned
from lab.evaluation.retrieval import evaluate_retrieval
from lab.training.job import Job
from models.cards import EncoderCard, read_encoder_card
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.protocols import DualEncoder
from models.text.normalise import FORM

INT8_ROWS = 64
"""From how many rows on the matrices of a small model become int8."""


class EncoderLoader(Protocol):
    """An architecture's ``load_encoder``."""

    def __call__(self, card: EncoderCard, folder: Path, compiler: Compiler) -> DualEncoder:
        """Load the encoder of a folder."""
        ...


def ship_encoder(
    job: Job,
    tensors: Mapping[str, Tensor],
    card: Mapping[str, Any],
    load_encoder: EncoderLoader,
    *,
    int8_rows: int = INT8_ROWS,
    files: Sequence[Path] = (),
) -> EncoderCard:
    """Write a folder that ships, and measure what was written, with the runtime that serves, on both dev splits.

    Args:
        job: the training job; its output becomes ``weights.safetensors`` and ``card.json``.
        tensors: the trained state, without what the parts of the card hold.
        card: ``job.card(recipe)`` and what the architecture adds; ``quality`` is filled in here.
        load_encoder: the architecture's.
        int8_rows: see ``write_checkpoint``.
        files: copied into the folder, such as a tokeniser.
    """
    fields: dict[str, Any] = {**card, "text_form": FORM, "quality": {}}
    write_checkpoint(job.output, tensors, fields, int8_rows=int8_rows)
    for file in files:
        shutil.copyfile(file, job.output / file.name)
    encoder = load_encoder(read_encoder_card(job.output), job.output, Compiler(Execution(device=job.device)))
    for name in DEV_SETS:
        fields["quality"][name] = evaluate_retrieval(encode_captioned(encoder, load_split(name, job.data_root)))
    write_checkpoint(job.output, tensors, fields, int8_rows=int8_rows)
    return read_encoder_card(job.output)
