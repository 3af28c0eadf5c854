"""Measures a shipped matcher on both dev splits and writes it on its card: ``python benchmarks/matcher_card.py NAME``.

As its training does at its end, the choice of its weight included; for a matcher whose card has no figures, or other
ones than the runtime of today gives, or after the default model, beside whose scores the weight counts, has changed.
"""

from __future__ import annotations

import json
import sys

from lab.progress import progress_bar
from lab.training.shipped_matcher import RERANKED, dev_quality, dev_scores, dev_weight
from models.cards import CARD
from models.library import InstalledModels
from models.shipped import weights_folder


def main(name: str) -> None:
    """Measure and write."""
    with progress_bar() as progress:
        task = progress.add_task(name)
        scored = dev_scores(
            InstalledModels().matcher(name),
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    file = weights_folder(name) / CARD
    card = json.loads(file.read_text(encoding="utf-8"))
    weight, *recall = dev_weight(scored)
    card["training"][RERANKED] = recall
    card.update(weight=weight, quality=dev_quality(scored))
    file.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
