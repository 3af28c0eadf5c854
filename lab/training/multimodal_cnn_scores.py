"""An m-CNN's scores of all pairs of a captioned set, on the device that trains."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lab.training.frozen import frozen_vectors
from lab.training.job import Job
from lab.training.numbered_sentences import NumberedSentences
from models.matchers.multimodal_cnn_module import MAX_WORDS, ImageSentenceCnn
from models.text.word_vectors import load_word_vectors


class ScoredPairs:
    """N photographs with their M captions.

    Attributes:
        name: of the set.
        image_of_caption: for each caption its photograph.

    Args:
        job: gives the sets, the cached features and the device.
        name: of the set.
        images: only the first so many of it.
    """

    def __init__(self, job: Job, name: str, images: int | None = None) -> None:
        (data,) = job.load(name)
        vectors = frozen_vectors(job, data)[:images].astype(np.float32)
        texts, owners = data.first(len(vectors)).flat_captions()
        self.name, self.image_of_caption = name, np.array(owners)
        self._sentences = NumberedSentences(load_word_vectors().vocabulary, texts, MAX_WORDS, job.device)
        self._vectors = torch.from_numpy(vectors).to(job.device)

    @torch.no_grad()
    def scores(self, pair: ImageSentenceCnn) -> NDArray[np.float32]:
        """Score every caption with every photograph in full precision, ``(M, N)``."""
        images = pair.image_vector(self._vectors)
        scores = torch.empty(len(self._sentences), len(images), device=images.device)
        for some in self._sentences.by_length(max(1, _pairs_at_once(images.device) // len(images))):
            scores[torch.from_numpy(some).to(images.device)] = pair.matching(*self._sentences[some], images)
        return scores.cpu().numpy()


def _pairs_at_once(device: torch.device) -> int:
    """Return how many pairs make a pass: a GPU wants many, a processor no more than what its caches hold."""
    return 2**12 if device.type == "cpu" else 2**16
