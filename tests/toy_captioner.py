"""A captioner small enough to know: it names a picture's colour, and looks at its brightest place."""

import numpy as np
from toy_encoder import ToyEncoder

from models.cards import CaptionerCard
from models.errors import UnknownModelError
from models.protocols import Decoder, GeneratedCaption
from models.types import Pixels

NAMES = ("toy-captioner", "toy-watcher")
COLOURS = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 0): "yellow", (0, 1, 1): "cyan"}


class ToyCaptioner:
    """Writes ``a red square``; ``toy-watcher`` also tells where it looked. A real ``Captioner``."""

    def __init__(self, name: str = NAMES[0]) -> None:
        if name not in NAMES:
            raise UnknownModelError(f"no captioner named {name!r}; there are: {', '.join(NAMES)}")
        self.card = CaptionerCard(
            name=name,
            description="names colours",
            preprocessing=ToyEncoder().card.preprocessing,
            weights_sha256="c" * 64,
            weights_bytes=0,
            licence="Apache-2.0",
            architecture="toy",
        )
        self.decoders: list[Decoder] = []

    def prepare(self, pixels: Pixels) -> Pixels:
        return ToyEncoder().prepare(pixels)

    def describe(self, prepared: Pixels, decoder: Decoder) -> list[GeneratedCaption]:
        self.decoders.append(decoder)
        return [self._caption(image) for image in prepared]

    def _caption(self, image: Pixels) -> GeneratedCaption:
        mean = image.reshape(-1, 3).mean(axis=0)
        words = ("a", COLOURS.get(tuple((mean > 127).astype(int).tolist()), "strange"), "square")
        look = np.zeros((len(words), 2, 2), np.float32)
        look[:, 0, 1] = 1
        return GeneratedCaption(words, -1.5, look if self.card.name == NAMES[1] else None)
