"""Ways to take a sentence out of a model that tells the probability of the next word."""

from __future__ import annotations

from typing import Protocol


class Decoder(Protocol):
    """Takes sentences out of a language model."""
