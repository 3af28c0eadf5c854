"""Runs small steps of torch in the calling thread alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block torch does not share its work between threads.

    A step of a millisecond gains little by it, and where other work keeps the cores busy each step waits for the
    slowest thread: twenty times as long was measured.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
