r"""The m-CNNs: convolutions over a sentence's words that meet the image at one of four levels.

Ma et al. 2015, "Multimodal Convolutional Neural Networks for Matching Image and Sentence". Three layers of convolution
(three places wide) and maximum pooling (of two places) make phrases of words, and a sentence of phrases; a multi-layer
perceptron scores. The image's vector enters one of the four, beside the words of every place: a ``Merge`` says which.

In that layer what comes of the image is a sum of its own, :math:`W [x; v] = W_x x + W_v v`, the same at every place,
so it is computed once an image; and as :math:`\max_t \mathrm{relu}(a_t + b) = \mathrm{relu}(b + \max_t a_t)`, the
sentence is pooled before the two meet. All layers up to there run once a sentence, the others once a pair.

The perceptron alone scores. Of the paper's network two things differ: the image's vector is brought to mean 0 and
standard deviation 1 before it enters, so that no photograph outweighs the words by its scale; and the first weights
where the two meet are drawn so that they already compare them (see ``start_paired``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.lite_pair import FEATURES
from models.cards import MatcherCard
from models.checkpoint import load_into, read_weights
from models.inference.graph import Graph
from models.matchers.image_vector import ImageVector, start_at_scale
from models.matchers.word_scorer import MAX_WORDS as _MAX_WORDS
from models.text.word_vectors import DIMENSION

MAX_WORDS = _MAX_WORDS["multimodal_cnn"]
WINDOW, POOL = 3, 2
WIDTHS = (200, 300, 300)
"""Of the three layers of convolution, as in the paper."""
HIDDEN = 400
"""Width of the perceptron's hidden layer, as in the paper."""
IMAGE = 256
"""Dimensions of the image's vector, as in the paper; what is kept of an image."""
IMAGE_HIDDEN = 400
_PLACES = MAX_WORDS // POOL ** len(WIDTHS)
"""That the last layer of convolution leaves of a sentence."""


@dataclass(frozen=True)
class Merge:
    """Where the image meets the sentence.

    Attributes:
        name: of the level.
        layer: the image enters this one of the three convolutions and, as number 3, the perceptron.
    """

    name: str
    layer: int


MERGES = tuple(Merge(name, layer) for layer, name in enumerate(("word", "phrase-short", "phrase-long", "sentence")))


class MultimodalCnn(nn.Module):
    """Sentences and image vectors to the perceptron's scores of their pairs.

    Args:
        merge: where the image enters.
        vocabulary: V, the rows of word vectors, row 0 that of padding.
        dimension: of a word's vector.
        dropout: share of a word's vector, of the image's and of the perceptron's units dropped in training.
    """

    def __init__(self, merge: Merge, vocabulary: int, dimension: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.merge = merge
        self.words = nn.Embedding(vocabulary, dimension, padding_idx=0)
        inputs = (dimension, *WIDTHS[:-1])
        self.convolutions = nn.ModuleList(nn.Linear(WINDOW * i, o) for i, o in zip(inputs, WIDTHS, strict=True))
        self.hidden = nn.Linear(_PLACES * WIDTHS[-1], HIDDEN)
        self.image = nn.Linear(IMAGE, [*WIDTHS, HIDDEN][merge.layer], bias=False)
        self.output = nn.Linear(HIDDEN, 1)
        self.drop = nn.Dropout(dropout)
        for layer in (*self.convolutions, self.hidden, self.image, self.output):
            start_at_scale(layer)
        stages = [*self.convolutions, self.hidden, self.output]
        start_paired(stages[merge.layer], self.image, stages[merge.layer + 1])

    def forward(self, numbers: Tensor, mask: Tensor, images: Tensor) -> Tensor:
        """Score S sentences against N images, ``(S, N)``.

        Args:
            numbers: of the words, ``(S, T)``; T at most ``MAX_WORDS``.
            mask: 1 where there is a word, ``(S, T)``.
            images: vectors ``(N, 256)``; or ``(S, N, 256)``, each sentence's own.
        """
        sentence, real = self._read(numbers, mask)
        image = self.image(self.drop(F.layer_norm(images, (IMAGE,))))
        real = real[:, None]
        x = gated(sentence[:, None] + image[..., None, :], real)  # (S, N, P, W)
        for convolution in self.convolutions[self.merge.layer + 1 :]:
            x, real = halved(gated(convolution(windows(x)), real), real)
        units = x.squeeze(-2) if self.merge.layer == len(WIDTHS) else F.relu(self.hidden(self.drop(lay_out(x))))
        units = self.drop(units)
        with torch.autocast(units.device.type, enabled=False):  # scores a hair apart must stay apart
            scores: Tensor = self.output(units.float()).squeeze(-1)
        return scores

    def _read(self, numbers: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sentences' share of the layer where the image enters, ``(S, P, W)``, and which places are real."""
        x, real = self.drop(self.words(numbers)), mask.bool()
        for convolution in self.convolutions[: self.merge.layer]:
            x, real = halved(gated(convolution(windows(x)), real), real)
        if self.merge.layer < len(WIDTHS):
            return pool(self.convolutions[self.merge.layer](windows(x)), real)
        whole: Tensor = self.hidden(self.drop(lay_out(x)))
        return whole[:, None], torch.ones_like(real[:, :1])


@torch.no_grad()
def start_paired(sentence: nn.Module, image: nn.Linear, behind: nn.Module) -> None:
    r"""Draw the first weights where sentence and image meet so that their units, by fours, already compare the two.

    A sum of ReLUs of sums has to learn what a product has by nature, and learns it slowly from nothing. Four units
    :math:`\mathrm{relu}(\pm(x + y)), \mathrm{relu}(\pm(x - y))` that the layer behind adds with the signs + + - - are
    :math:`|x + y| - |x - y| = \pm 2 \min(|x|, |y|)`, positive where x and y have one sign. From there all learn freely.
    """
    assert isinstance(sentence, nn.Linear)  # noqa: S101 - what modules hold is typed as any module
    assert isinstance(behind, nn.Linear)  # noqa: S101
    same, opposed, signs = torch.tensor([[1.0, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]])
    for layer, pattern in ((sentence, same), (image, opposed)):
        layer.weight.copy_((pattern[:, None] * layer.weight[::4, None]).flatten(0, 1))
    behind.weight.copy_((signs * behind.weight[:, ::4, None]).flatten(1))


class ImageSentenceCnn(nn.Module):
    """Both halves: the image's vector, and the network that scores it with a sentence.

    Args:
        merge: where the image enters.
        vocabulary: see ``MultimodalCnn``.
        features: of the backbone.
        dropout: of both halves, in training.
        noise: on the backbone's features in training, see ``ImageVector``.
    """

    def __init__(
        self, merge: Merge, vocabulary: int, features: int = FEATURES, dropout: float = 0.0, noise: float = 0.0
    ) -> None:
        super().__init__()
        self.image_vector = ImageVector(features, IMAGE_HIDDEN, IMAGE, dropout, noise)
        self.matching = MultimodalCnn(merge, vocabulary, DIMENSION, dropout)


def gated(x: Tensor, real: Tensor) -> Tensor:
    """Apply ReLU to the real places, ``(..., T, C)``; behind the sentence's end there is nothing (the paper's gate)."""
    return F.relu(x) * real[..., None]


def windows(x: Tensor) -> Tensor:
    """Put each place's vector and those of the two after it side by side, ``(..., T, C)`` to ``(..., T, 3 C)``."""
    places = x.shape[-2]
    padded = F.pad(x, (0, 0, 0, WINDOW - 1))
    return torch.cat([padded[..., shift : shift + places, :] for shift in range(WINDOW)], dim=-1)


def halved(x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Take the larger of each two gated places, ``(..., T, C)`` and ``(..., T)`` to ``(..., ceil(T / 2), C)``."""
    x, real = whole_windows(x, real)
    return torch.maximum(x[..., ::POOL, :], x[..., 1::POOL, :]), real[..., ::POOL] | real[..., 1::POOL]


def pool(x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Take the larger of each two real places before the ReLU; shapes as above.

    Where neither is real, the result is not to be read (and finite, so that it may be multiplied by zero).
    """
    x, real = whole_windows(x, real)
    x, real = halved(torch.where(real[..., None], x, torch.finfo(x.dtype).min / 4), real)
    return torch.where(real[..., None], x, 0.0), real


def whole_windows(x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Add an empty place where they do not make whole windows of pooling; shapes as above."""
    if x.shape[-2] % POOL:
        return F.pad(x, (0, 0, 0, 1)), F.pad(real, (0, 1))
    return x, real


def lay_out(x: Tensor) -> Tensor:
    """Put the places behind one another, zeros for those a longest sentence would have, ``(..., P * C)``."""
    return F.pad(x, (0, 0, 0, _PLACES - x.shape[-2])).flatten(-2)


def merge_named(name: str) -> Merge:
    """Return one of ``MERGES``."""
    return next(merge for merge in MERGES if merge.name == name)


def head_graph(card: MatcherCard, folder: Path) -> Graph:
    """Return what makes the image's vector of the frozen backbone's."""
    return Graph(load_network(card, folder).image_vector.eval(), [torch.zeros(2, FEATURES)], [(0,)])


def score_graph(card: MatcherCard, folder: Path) -> Graph:
    """Return what scores one sentence, padded to the longest, with M images."""
    words = torch.zeros(1, MAX_WORDS, dtype=torch.int64)
    return Graph(load_network(card, folder).matching.eval(), [words, words, torch.zeros(2, IMAGE)], [(), (), (0,)])


def load_network(card: MatcherCard, folder: Path) -> ImageSentenceCnn:
    """Load both halves.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    tensors = read_weights(folder, card)
    model = ImageSentenceCnn(merge_named(card.options["merge"]), len(tensors["matching.words.weight"]))
    load_into(model, tensors, card)
    return model.eval()
