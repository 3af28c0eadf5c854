"""Decoders by name."""

from __future__ import annotations

from typing import get_args

from models.captioning.decoding import BeamSearch, Greedy, Sampling
from models.errors import InputError
from models.protocols import Decoder, DecoderName

DECODERS: tuple[DecoderName, ...] = get_args(DecoderName)
WIDTH = 3
"""Default width of beam search: the one of 1 to 5 with the best CIDEr-D on dev."""


def make_decoder(name: str, *, width: int = WIDTH, temperature: float = 1.0, seed: int = 0) -> Decoder:
    """Return a decoder.

    Args:
        name: one of ``DECODERS``.
        width: of beam search.
        temperature: of sampling.
        seed: of sampling.

    Raises:
        InputError: no decoder of that name.
    """
    if name == "greedy":
        return Greedy()
    if name == "beam":
        return BeamSearch(width)
    if name == "sample":
        return Sampling(temperature, seed)
    raise InputError(f"there is no decoder {name!r}; there are: {', '.join(DECODERS)}")
