"""Decoding: generating a sentence from a model that gives the probability of the next word.

A language model is one step as a function: the states of R sentences and the last word of each, ``(R,)``, to the
log-probability of each next word, ``(R, V)``, and the new states. Words are numbers of a ``Vocabulary``; a sentence
follows ``START``, and ``END`` ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.protocols import Sentence
from models.text.vocabulary import END, START

States = tuple[Tensor, ...]
"""What a language model knows of R sentences: tensors whose first axis is R."""
Step = Callable[[States, Tensor], tuple[Tensor, States]]

MAX_WORDS = 20
"""Of a sentence; nearly all captions that people wrote are shorter."""


@dataclass(frozen=True)
class Greedy:
    """Takes the most probable word at each step."""

    max_words: int = MAX_WORDS

    def decode(self, step: Step, states: States) -> list[Sentence]:
        """Write one sentence for each row."""
        return _one_by_one(step, states, self.max_words, lambda scores: scores.argmax(dim=1))


@dataclass(frozen=True)
class Sampling:
    """Draws each word from the model's distribution, ``softmax(log p / temperature)``.

    Attributes:
        temperature: 1 draws from the model itself, less keeps to what is probable; above 0.
        seed: of the draws; the same seed gives the same sentences.
        max_words: of a sentence.
    """

    temperature: float = 1.0
    seed: int = 0
    max_words: int = MAX_WORDS

    def decode(self, step: Step, states: States) -> list[Sentence]:
        """Write one sentence for each row."""
        random = torch.Generator().manual_seed(self.seed)

        def draw(scores: Tensor) -> Tensor:
            return torch.multinomial((scores / self.temperature).softmax(dim=1), 1, generator=random).squeeze(1)

        return _one_by_one(step, states, self.max_words, draw)


@dataclass(frozen=True)
class BeamSearch:
    r"""Keeps the ``width`` best partial sentences (hypotheses) at each step; approximates the maximum of

    .. math:: \frac{\log p(w_1 \ldots w_T)}{T^{\alpha}}, \qquad T \text{ with the end}

    (Vinyals et al., CVPR 2015, with :math:`\alpha = 0`). Sums of logarithms favour short sentences; the power
    :math:`\alpha` (length normalisation, Wu et al. 2016) corrects for that.

    Attributes:
        width: hypotheses that are kept; 1 is ``Greedy``.
        length_power: :math:`\alpha`, 0 to 1.
        max_words: of a sentence.
    """  # noqa: D415 - the formula ends the sentence

    width: int = 3
    length_power: float = 0.0
    max_words: int = MAX_WORDS

    def decode(self, step: Step, states: States) -> list[Sentence]:
        """Write one sentence for each row."""
        searches = [_Search(self) for _ in range(len(states[0]))]
        active = searches  # those that are not over; the states have `width` rows for each, at first one
        words, totals = torch.full((len(searches),), START), torch.zeros(len(searches), 1)
        for _ in range(self.max_words):
            if not active:
                break
            scores, states = step(states, words)
            beginnings, vocabulary = totals.shape[1], scores.shape[1]
            candidates = (totals.unsqueeze(2) + scores.reshape(len(active), beginnings, vocabulary)).flatten(1)
            best = candidates.topk(min(2 * self.width, candidates.shape[1]), dim=1)
            places = best.indices + beginnings * vocabulary * torch.arange(len(active)).unsqueeze(1)
            rows, numbers = (places // vocabulary).tolist(), (places % vocabulary).tolist()
            found = zip(active, best.values.tolist(), rows, numbers, strict=True)
            kept = [search.advance(*its_best) for search, *its_best in found]
            branches = torch.tensor([pair for pairs in kept for pair in pairs], dtype=torch.int64).reshape(-1, 2)
            active = [search for search in active if not search.over]
            totals = torch.tensor([search.totals for search in active])
            states = tuple(state[branches[:, 0]] for state in states)
            words = branches[:, 1]
        return [search.best() for search in searches]


class _Search:
    """The search for one sentence.

    Attributes:
        totals: the log-probabilities of the hypotheses, ``width`` of them.
        over: no hypothesis can lead to a better sentence than the best one that has ended.
    """

    def __init__(self, beam: BeamSearch) -> None:
        self._beam = beam
        self._beginnings: list[tuple[int, ...]] = [()]
        self._ended: list[Sentence] = []
        self.totals: list[float] = [0.0]
        self.over = False

    def advance(self, totals: list[float], rows: list[int], numbers: list[int]) -> list[tuple[int, int]]:
        """Extend the hypotheses; return the row and the last word of each that is kept, none where the search is over.

        Args:
            totals: log-probabilities of the extended hypotheses, the best first.
            rows: of the hypothesis that each extends, counted over all searches.
            numbers: of its last word.
        """
        first = min(rows) // len(self._beginnings) * len(self._beginnings)
        followed: list[tuple[float, int, int]] = []
        for place, (total, row, number) in enumerate(zip(totals, rows, numbers, strict=True)):
            if number != END:
                followed.append((total, row, number))
            elif place < self._beam.width and total > -torch.inf:
                self._ended.append(Sentence(self._beginnings[row - first], total))
        followed = followed[: self._beam.width]
        self._beginnings = [(*self._beginnings[row - first], number) for _, row, number in followed]
        self.totals = [total for total, _, _ in followed]
        self.over = self._is_over()
        return [] if self.over else [(row, number) for _, row, number in followed]

    def best(self) -> Sentence:
        """Return the best sentence that has ended; where none has, the best hypothesis."""
        return max(self._ended or self._cut(), key=self._score)

    def _is_over(self) -> bool:
        if not self.totals:
            return True
        if not self._ended:
            return False
        # a longer sentence is less probable, but is divided by more: no continuation of the best hypothesis beats this
        longest = self.totals[0] / self._beam.max_words**self._beam.length_power
        return bool(max(map(self._score, self._ended)) >= longest)

    def _cut(self) -> list[Sentence]:
        return [Sentence(*pair) for pair in zip(self._beginnings, self.totals, strict=True)]

    def _score(self, sentence: Sentence) -> float:
        return sentence.log_probability / float((len(sentence.numbers) + 1) ** self._beam.length_power)


def _one_by_one(step: Step, states: States, max_words: int, choose: Callable[[Tensor], Tensor]) -> list[Sentence]:
    """Write N sentences, each word chosen from its log-probabilities ``(N, V)``."""
    rows, device = len(states[0]), states[0].device
    sentences: list[list[int]] = [[] for _ in range(rows)]
    words, totals = torch.full((rows,), START, device=device), torch.zeros(rows, device=device)
    open_rows = torch.ones(rows, dtype=torch.bool, device=device)
    for _ in range(max_words):
        if not open_rows.any():
            break
        scores, states = step(states, words)
        words = choose(scores)
        totals += torch.where(open_rows, scores.gather(1, words.unsqueeze(1)).squeeze(1), 0.0)
        open_rows &= words != END
        numbers = words.tolist()
        for row in open_rows.nonzero().squeeze(1).tolist():
            sentences[row].append(numbers[row])
    return [Sentence(tuple(own), total) for own, total in zip(sentences, totals.tolist(), strict=True)]
