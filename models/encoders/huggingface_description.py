"""What serving needs to know of a checkpoint of the transformers library, kept beside its converted towers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from models.cards import EncoderCard, Preprocessing


@dataclass(frozen=True)
class Description:
    """A checkpoint without its weights.

    Attributes:
        family: ``clip``, ``siglip`` or ``siglip2``.
        dimension: of the vectors.
        preprocessing: as the checkpoint's image processor says.
        weights_sha256: of its weights as they are computed with.
        weights_bytes: their size.
        grid: side of the grid of position embeddings where pictures may have any aspect ratio, else None.
        longest: tokens of a sentence at most.
        tokeniser: in the tokenizers library's form; None where only transformers can tokenise.
    """

    family: str
    dimension: int
    preprocessing: Preprocessing
    weights_sha256: str
    weights_bytes: int
    grid: int | None
    longest: int
    tokeniser: str | None

    @property
    def pads_to_longest(self) -> bool:
        """Whether sentences are padded to each other; SigLIP was trained on a fixed length, and sees the padding."""
        return self.family == "clip"

    def to_json(self) -> bytes:
        """Return what ``from_json`` reads."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Description:
        """Read a description that was kept."""
        fields = json.loads(text)
        shape = fields["preprocessing"]
        shape |= {name: tuple(shape[name]) for name in ("mean", "std")}
        return cls(**{**fields, "preprocessing": Preprocessing(**shape)})

    def card(self, name: str) -> EncoderCard:
        """Return the card of the model of that name."""
        return EncoderCard(
            name=name,
            description=f"{self.family} checkpoint of the transformers library",
            architecture="huggingface",
            dimension=self.dimension,
            preprocessing=self.preprocessing,
            weights_sha256=self.weights_sha256,
            weights_bytes=self.weights_bytes,
            licence="see the checkpoint",
            languages=(),
        )
