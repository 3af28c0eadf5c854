"""What a captioner is, and what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from models.types import CaptionerCard, Pixels

if TYPE_CHECKING:  # torch is not needed to know what a caption is
    from models.captioning.decoding import Decoder


@dataclass(frozen=True)
class GeneratedCaption:
    """A sentence that a model wrote.

    Attributes:
        words: T words, in lower case.
        log_probability: of the sentence under the model, its end included.
        attention: ``(T, rows, columns)``, where the model looked for each word, each map summing to 1; None where the
            model has no attention.
    """

    words: tuple[str, ...]
    log_probability: float
    attention: NDArray[np.float32] | None = None

    @property
    def text(self) -> str:
        """The words as a sentence."""
        return " ".join(self.words)


class Captioner(Protocol):
    """Writes captions; safe to call from several threads."""

    @property
    def card(self) -> CaptionerCard:
        """The captioner's card."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Turn ``(H, W, 3)`` uint8 of any size into the ``(S, S, 3)`` uint8 that it takes in."""
        ...

    def describe(self, prepared: Pixels, decoder: Decoder) -> list[GeneratedCaption]:
        """Write one caption for each of ``(N, S, S, 3)`` uint8; N may be 0."""
        ...
