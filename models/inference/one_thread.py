"""Runs small steps of torch in the calling thread alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block torch does not share its work between threads.

    More threads gain little in a step of a millisecond, and where other work keeps the cores busy each step waits for
    the slowest one: steps twenty times as long were measured.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
