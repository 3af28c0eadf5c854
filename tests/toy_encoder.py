"""A dual encoder small enough to compute by hand: colours and their names share one space."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.calibration import Calibration, Calibrations
from models.cards import EncoderCard, Preprocessing
from models.types import Pixels, Vectors

WORDS = {
    "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1),
    "yellow": (1, 1, 0), "cyan": (0, 1, 1), "magenta": (1, 0, 1), "white": (1, 1, 1),
}  # fmt: skip

CALIBRATION = Calibration(intercept=-40.0, score=50.0, mean=0.0, spread=0.0, direction=np.zeros(4, np.float32))
"""By which a result is as likely as not where its score is 0.8."""

REFERENCE = np.concatenate([2 * np.eye(4), -2 * np.eye(4)]).astype(np.float32)
"""What queries are compared with: of every query's scores, the mean is 0 and the standard deviation 1."""


class ToyEncoder:
    """Embeds a picture as its mean colour (with a constant), a sentence as the mean of its colour words.

    It is a real implementation of the ``DualEncoder`` protocol: fast, deterministic, and its neighbours are obvious.
    """

    def __init__(self, name: str = "toy", size: int = 8, calibrations: Mapping[str, Calibration] | None = None) -> None:
        self.card = EncoderCard(
            architecture="toy",
            name=name,
            description="mean colour",
            dimension=4,
            preprocessing=Preprocessing(size, "squash", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
            weights_sha256="0" * 64,
            weights_bytes=0,
            licence="Apache-2.0",
            calibrations=Calibrations(REFERENCE, calibrations) if calibrations else None,
        )
        self.images_encoded = 0

    def prepare(self, pixels: Pixels) -> Pixels:
        size = self.card.preprocessing.size
        rows = np.linspace(0, pixels.shape[0] - 1, size).round().astype(int)
        columns = np.linspace(0, pixels.shape[1] - 1, size).round().astype(int)
        return np.ascontiguousarray(pixels[rows][:, columns])

    def encode_images(self, prepared: Pixels) -> Vectors:
        self.images_encoded += len(prepared)
        colours = prepared.reshape(len(prepared), -1, 3).mean(axis=1) / 255 if len(prepared) else np.empty((0, 3))
        return self._unit(colours)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        colours = [[WORDS[w] for w in text.lower().split() if w in WORDS] or [(0.5, 0.5, 0.5)] for text in texts]
        return self._unit(np.array([np.mean(c, axis=0) for c in colours]).reshape(len(texts), 3))

    def words_read(self, text: str) -> int | None:
        return None

    @staticmethod
    def _unit(colours: np.ndarray) -> Vectors:
        vectors = np.concatenate([colours, np.full((len(colours), 1), 0.1)], axis=1)
        return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
