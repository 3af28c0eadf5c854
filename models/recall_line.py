"""Recalls as the field prints them."""

from collections.abc import Mapping


def recall_line(figures: Mapping[str, float]) -> str:
    """Print R@1, R@5 and R@10 in percent: ``25.7/54.6/69.2``."""
    return "/".join(f"{100 * figures[f'r@{k}']:.1f}" for k in (1, 5, 10))
