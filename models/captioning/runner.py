"""Runs a captioner: a compiled pass embeds the image, torch generates the words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.backbones.frozen import IMAGENET_LITE, FrozenTower, load_backbone
from models.captioning.decoding import States
from models.cards import CaptionerCard
from models.checkpoint import load_into, read_weights
from models.imaging.transforms import fit_square
from models.inference.batches import image_batches
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.inference.one_thread import one_thread
from models.inference.runner import Runner
from models.protocols import Decoder, GeneratedCaption, Sentence
from models.text.shipped_vocabulary import WORD_VECTORS, load_vocabulary
from models.text.vocabulary import PADDING, Vocabulary
from models.types import Pixels

N = TypeVar("N", bound=nn.Module)


class CaptionNetwork(Protocol):
    """The language model of a captioner, an ``nn.Module``."""

    def begin(self, embedded: Tensor) -> States:
        """Return the initial states for embedded images ``(B, ...)``."""
        ...

    def step(self, states: States, words: Tensor) -> tuple[Tensor, States]:
        """Read the last words ``(R,)``; return the log-probabilities of the next, ``(R, V)``, and the states."""
        ...


def load_weights(network: N, card: CaptionerCard, folder: Path) -> N:
    """Fill a network with a card's weights, for use without gradients.

    Raises:
        CheckpointError: missing, damaged or not of this architecture.
    """
    load_into(network, read_weights(folder, card), card)
    return network.eval().requires_grad_(False)


class NetworkCaptioner:
    """A trained captioner.

    Args:
        card: of the captioner.
        embed: ``(N, S, S, 3)`` uint8 to embedded images ``(N, ...)``.
        network: the language model.
        vocabulary: of its words.
        attend: embedded images ``(B, ...)`` and words ``(B, T)`` to the attention for each word,
            ``(B, T, rows, columns)``; None where the network has no attention.
    """

    def __init__(
        self,
        card: CaptionerCard,
        embed: Runner,
        network: CaptionNetwork,
        vocabulary: Vocabulary,
        attend: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self.card = card
        self._embed, self._network, self._vocabulary, self._attend = embed, network, vocabulary, attend

    def prepare(self, pixels: Pixels) -> Pixels:
        """Scale ``(H, W, 3)`` pixels to the square."""
        return fit_square(pixels, self.card.preprocessing)

    def describe(self, prepared: Pixels, decoder: Decoder) -> list[GeneratedCaption]:
        """Write a caption for each of ``(N, S, S, 3)`` uint8."""
        return [caption for batch in image_batches(prepared) for caption in self._describe(batch, decoder)]

    @torch.inference_mode()
    def _describe(self, prepared: Pixels, decoder: Decoder) -> list[GeneratedCaption]:
        embedded = torch.from_numpy(self._embed(prepared))
        with one_thread():
            sentences = decoder.decode(self._network.step, self._network.begin(embedded))
            maps = [None] * len(sentences) if self._attend is None else self._maps(self._attend, embedded, sentences)
        return [
            GeneratedCaption(
                tuple(self._vocabulary.word(number) for number in sentence.numbers), sentence.log_probability, attention
            )
            for sentence, attention in zip(sentences, maps, strict=True)
        ]

    @staticmethod
    def _maps(
        attend: Callable[[Tensor, Tensor], Tensor], embedded: Tensor, sentences: list[Sentence]
    ) -> list[NDArray[np.float32]]:
        """Return the attention for each word, by a second pass over the sentences: decoders need not carry it."""
        longest = max(1, *(len(sentence.numbers) for sentence in sentences))
        words = torch.full((len(sentences), longest), PADDING)
        for row, sentence in enumerate(sentences):
            words[row, : len(sentence.numbers)] = torch.tensor(sentence.numbers, dtype=torch.int64)
        maps = attend(embedded, words).numpy()
        return [maps[row, : len(sentence.numbers)] for row, sentence in enumerate(sentences)]


def compile_captioner(
    card: CaptionerCard,
    head: nn.Module,
    network: CaptionNetwork,
    attend: Callable[[Tensor, Tensor], Tensor] | None = None,
    *,
    compiler: Compiler,
) -> NetworkCaptioner:
    """Compile a card's frozen backbone together with the head that embeds its feature map."""

    def image() -> Graph:
        backbone = load_backbone(IMAGENET_LITE, card.parts[IMAGENET_LITE])
        size = card.preprocessing.size
        example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
        return Graph(FrozenTower(backbone, head).eval(), [example], [(0,)])

    embed = compiler.runner(f"{card.name}.image", card.made_of, image)
    return NetworkCaptioner(card, embed, network, load_vocabulary(card.parts[WORD_VECTORS]), attend)
