"""Queries of the kinds that people write, made from the captions of a set.

| kind | example |
|---|---|
| noun | giraffe; a name of two words, such as fire hydrant |
| phrase | a brown dog, or brown dog |
| nouns | dog couch |
| words | dog on a couch |
| caption | A dog sleeps on a couch. |
| sentences | two captions of one image |

A noun is a word that stands alone between a determiner and a word of a closed class, or the end ("*a dog* is",
"the *frisbee*."): adjectives and verbs hardly ever do. That needs no tagger, and is right for captions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal, get_args

import numpy as np

from models.text.stems import STOP_WORDS, stem, stems

Kind = Literal["noun", "phrase", "nouns", "words", "caption", "sentences"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[.,;:!?]")
_DETERMINERS = frozenset("a an the his her their its this that some two three four".split())  # noqa: SIM905
_PREPOSITIONS = frozenset("in on at with near under over beside behind by inside of through".split())  # noqa: SIM905
_NOT_AFTER_A_NOUN = frozenset(("and", "or"))  # "a red and white ball"
_ALONE = 0.1
"""Least share of a word's uses in which it stands alone as a noun does."""
_OF = 0.3
"""From this share of its uses before "of", a word is no thing that is looked for: a *group* of, the *middle* of."""

Words = Sequence[str]


@dataclass(frozen=True)
class AskedOf:
    """A query, its kind, and the image whose captions it is made of."""

    text: str
    kind: Kind
    image: int


def make_queries(
    captions: Sequence[Sequence[str]], images: Sequence[int], of_each_kind: int, random: np.random.Generator
) -> list[AskedOf]:
    """Make queries of every kind from the captions of some images; none is made twice.

    Args:
        captions: for each of the N images of the set; all of them tell what is a noun, and what is often said.
        images: from whose captions queries are made.
        of_each_kind: how many at most.
        random: draws the images and what is taken of each.
    """
    nouns = find_nouns([caption for own in captions for caption in own])
    queries = []
    for kind in KINDS:
        options = _options(kind, captions, images, nouns)
        made: dict[str, int] = {}
        for image in random.permutation(list(options)).tolist():
            new = [text for text in options[image] if text not in made]
            if new and len(made) < of_each_kind:
                made[new[random.integers(len(new))]] = image
        queries += [AskedOf(text, kind, image) for text, image in made.items()]
    return queries


def _options(
    kind: Kind, captions: Sequence[Sequence[str]], images: Sequence[int], nouns: frozenset[str]
) -> dict[int, list[str]]:
    """Return what could be asked for of each image: of phrases only those that several images of the set have."""
    options = {image: _MAKERS[kind](captions[image], nouns) for image in map(int, images)}
    if kind == "phrase":
        counts = Counter(text for own in captions for text in _phrase(own, nouns))
        options = {image: [text for text in own if counts[text] > 1] for image, own in options.items()}
    return {image: own for image, own in options.items() if own}


def find_nouns(captions: Sequence[str]) -> frozenset[str]:
    """Return the words that captions use as nouns, in lower case."""
    used, alone, before_of = Counter[str](), Counter[str](), Counter[str]()
    for words in map(_words, captions):
        used.update(words)
        before_of.update(word for word, after in pairwise(words) if after == "of")
        for before, word, after in zip(words, words[1:], [*words[2:], "."], strict=False):
            if before in _DETERMINERS and _is_content(word) and not _is_content(after):
                alone[word] += after not in _NOT_AFTER_A_NOUN
    return frozenset(
        word
        for word, count in alone.items()
        if count >= max(2, _ALONE * used[word]) and before_of[word] < _OF * used[word]
    )


def _words(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def _is_content(word: str) -> bool:
    return len(word) > 1 and word.isalpha() and word not in STOP_WORDS and word not in _DETERMINERS


def _noun(captions: Words, nouns: frozenset[str]) -> list[str]:
    """Return the nouns and names that most captions of an image have: what it shows, not what is also in it."""
    shown, names = shown_nouns(captions, nouns), Counter[str]()
    for words in map(_words, captions):
        names.update({f"{first} {second}" for first, second in pairwise(words) if {first, second} <= shown})
    return sorted(shown | {name for name, count in names.items() if 2 * count > len(captions)})


def shown_nouns(captions: Words, nouns: frozenset[str]) -> set[str]:
    """Return the nouns, of one word, that most captions of an image have."""
    counts = Counter(each for caption in captions for each in set(stems(caption)))
    words = {word for caption in captions for word in _words(caption) if word in nouns}
    return {word for word in words if 2 * counts[stem(word)] > len(captions)}


def _phrase(captions: Words, nouns: frozenset[str]) -> list[str]:
    shown = shown_nouns(captions, nouns)
    phrases = [phrase for caption in captions for phrase in _noun_phrases(_words(caption), nouns)]
    told = [phrase for phrase in phrases if len(phrase) > 2 and phrase[-1] in shown]
    return sorted({text for phrase in told for text in (" ".join(phrase), " ".join(phrase[1:]))})


def _two_nouns(captions: Words, nouns: frozenset[str]) -> list[str]:
    own = sorted(shown_nouns(captions, nouns))
    return [f"{first} {second}" for first in own for second in own if stem(first) != stem(second)]


def _without_verb(captions: Words, nouns: frozenset[str]) -> list[str]:
    """Return what reads "noun phrase, preposition, noun phrase" in one piece, of something that the image shows."""
    found, shown = set(), shown_nouns(captions, nouns)
    for words in map(_words, captions):
        text = f" {' '.join(words)} "
        phrases = _noun_phrases(words, nouns)
        for first in phrases:
            for preposition, second in product(_PREPOSITIONS, phrases):
                joined = " ".join([*first, preposition, *second])
                if first[-1] in shown and f" {joined} " in text:
                    found.add(joined.partition(" ")[2])
    return sorted(found)


def _caption(captions: Words, _nouns: frozenset[str]) -> list[str]:
    return list(captions)


def _sentences(captions: Words, _nouns: frozenset[str]) -> list[str]:
    return [f"{first.rstrip(' .')}. {second}" for first in captions for second in captions if first != second]


def _noun_phrases(words: Words, nouns: frozenset[str]) -> list[list[str]]:
    """Return each determiner with the words after it up to the noun that ends the phrase."""
    phrases = []
    for start, word in enumerate(words):
        if word not in _DETERMINERS:
            continue
        end = start + 1
        while end < len(words) and _is_content(words[end]) and words[end] not in nouns:
            end += 1
        while end + 1 < len(words) and words[end] in nouns and words[end + 1] in nouns:
            end += 1
        if end < len(words) and words[end] in nouns:
            phrases.append(list(words[start : end + 1]))
    return phrases


_MAKERS: dict[Kind, Callable[[Words, frozenset[str]], list[str]]] = {
    "noun": _noun,
    "phrase": _phrase,
    "nouns": _two_nouns,
    "words": _without_verb,
    "caption": _caption,
    "sentences": _sentences,
}
