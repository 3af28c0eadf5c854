"""Decoders on language models small enough to know every sentence."""

import itertools
import math
from collections import Counter

import pytest
import torch

from models.captioning.decoding import BeamSearch, Greedy, Sampling
from models.protocols import Sentence
from models.text.vocabulary import END, START

A, B, C, D = 4, 5, 6, 7
NUMBERS = 8

# the most probable first word leads to improbable sentences
MISLEADING = {
    START: {A: 0.6, B: 0.4},
    A: {C: 0.4, D: 0.35, A: 0.25},
    B: {C: 0.9, END: 0.1},
    C: {END: 1.0},
    D: {END: 1.0},
}


class Chain:
    """A language model of which each word depends on the one before; its state is the sentence so far.

    It reads the last word from the state too, so that a decoder which mixes up the rows is found out.
    """

    def __init__(self, table):
        self.scores = torch.full((NUMBERS, NUMBERS), -torch.inf)
        self.scores[END, END] = 0.0
        for last, following in table.items():
            for word, probability in following.items():
                self.scores[last, word] = math.log(probability)

    def begin(self, rows):
        return (torch.zeros(rows, 0, dtype=torch.int64),)

    def step(self, states, words):
        (sentences,) = states
        sentences = torch.cat([sentences, words.unsqueeze(1)], dim=1)
        return self.scores[words], (sentences,)


def test_greedy_takes_the_most_probable_word_each_time():
    chain = Chain(MISLEADING)
    assert decode(Greedy(), chain) == [sentence([A, C], 0.6 * 0.4)]


def test_beam_search_finds_the_optimum_that_greedy_misses():
    chain = Chain(MISLEADING)
    assert decode(BeamSearch(width=2), chain) == [sentence([B, C], 0.4 * 0.9)]


def test_a_beam_of_one_is_greedy():
    chain = Chain(MISLEADING)
    assert decode(BeamSearch(width=1), chain) == decode(Greedy(), chain)


@pytest.mark.parametrize("length_power", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_wide_enough_finds_the_best_of_all_sentences(seed, length_power):
    random = torch.Generator().manual_seed(seed)
    words = (A, B, C)
    table = {
        last: dict(zip((END, *words), torch.rand(4, generator=random).softmax(0).tolist(), strict=True))
        for last in (START, *words)
    }
    chain = Chain(table)
    found = decode(BeamSearch(width=30, length_power=length_power, max_words=4), chain)[0]
    best = max(all_sentences(table, words, 4), key=lambda s: s.log_probability / (len(s.numbers) + 1) ** length_power)
    assert found.numbers == best.numbers
    assert found.log_probability == pytest.approx(best.log_probability, abs=1e-5)


def test_dividing_by_the_length_favours_longer_sentences():
    table = {START: {A: 1.0}, A: {END: 0.55, B: 0.45}, B: {C: 1.0}, C: {END: 1.0}}
    assert decode(BeamSearch(2), Chain(table))[0].numbers == (A,)
    assert decode(BeamSearch(2, length_power=1.0), Chain(table))[0].numbers == (A, B, C)


@pytest.mark.parametrize("decoder", [Greedy(max_words=3), BeamSearch(2, max_words=3), Sampling(max_words=3)])
def test_a_sentence_without_end_is_cut_at_the_limit(decoder):
    chain = Chain({START: {A: 1.0}, A: {A: 0.5, B: 0.5}, B: {A: 0.5, B: 0.5}})
    (found,) = decode(decoder, chain)
    assert len(found.numbers) == 3
    assert found.log_probability == pytest.approx(math.log(0.25))


@pytest.mark.parametrize("decoder", [Greedy(), BeamSearch(3), Sampling(seed=5)])
def test_an_end_at_once_is_an_empty_sentence(decoder):
    assert decode(decoder, Chain({START: {END: 1.0}})) == [sentence([], 1.0)]


@pytest.mark.parametrize("decoder", [Greedy(), BeamSearch(3), Sampling()])
def test_no_rows_give_no_sentences(decoder):
    assert decode(decoder, Chain(MISLEADING), rows=0) == []


def test_rows_that_end_at_different_times_do_not_disturb_each_other():
    short, long = Chain({START: {A: 1.0}, A: {END: 1.0}}), Chain(MISLEADING)

    def step(states, words):
        kinds, *sentences = states
        both = torch.stack([short.scores[words], long.scores[words]])
        return both[kinds, torch.arange(len(words))], (kinds, *sentences)

    kinds = torch.tensor([0, 1, 0, 1])
    for decoder, expected in ((Greedy(), [A, C]), (BeamSearch(2), [B, C])):
        found = [list(sentence.numbers) for sentence in decoder.decode(step, (kinds,))]
        assert found == [[A], expected, [A], expected]


def test_samples_have_the_models_frequencies():
    counts = Counter(found.numbers for found in decode(Sampling(seed=1), Chain(MISLEADING), rows=20_000))
    assert counts[(B, C)] / 20_000 == pytest.approx(0.36, abs=0.015)
    assert counts[(B,)] / 20_000 == pytest.approx(0.04, abs=0.015)
    assert counts[(A, C)] / 20_000 == pytest.approx(0.24, abs=0.015)


def test_a_low_temperature_sharpens():
    counts = Counter(found.numbers for found in decode(Sampling(0.5, seed=1), Chain(MISLEADING), rows=20_000))
    first, second = 0.6**2 / (0.6**2 + 0.4**2), 0.9**2 / (0.9**2 + 0.1**2)
    assert counts[(B, C)] / 20_000 == pytest.approx((1 - first) * second, abs=0.015)


def test_a_sample_tells_its_probability_under_the_model_not_the_tempered_one():
    for found in decode(Sampling(0.5, seed=2), Chain(MISLEADING), rows=50):
        path = [START, *found.numbers, END]
        expected = math.prod(MISLEADING[last][word] for last, word in itertools.pairwise(path))
        assert math.exp(found.log_probability) == pytest.approx(expected)


def test_the_seed_decides_the_samples():
    chain = Chain(MISLEADING)
    draws = [decode(Sampling(seed=seed), chain, rows=30) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def decode(decoder, chain, rows=1):
    return decoder.decode(chain.step, chain.begin(rows))


def sentence(numbers, probability):
    return Sentence(tuple(numbers), pytest.approx(math.log(probability), abs=1e-6))


def all_sentences(table, words, steps):
    """Return every sentence that ends within so many steps."""
    for length in range(steps):
        for numbers in itertools.product(words, repeat=length):
            path = [START, *numbers, END]
            yield Sentence(numbers, sum(math.log(table[last][word]) for last, word in itertools.pairwise(path)))
