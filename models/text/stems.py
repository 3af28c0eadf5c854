"""The content words of a sentence, each by its Snowball stem: ``dogs are running`` is ``dog``, ``run``.

Stop words are the closed word classes of English (articles, pronouns, auxiliaries, prepositions, conjunctions,
particles). They say little of a picture, yet occur often, and a smoothed idf never falls below 1: left in, they would
rule the tf-idf. scikit-learn's own list is no help: it also removes ``fire``, ``cry``, ``two`` and ``front``.

The stemmer is Snowball's for English (Porter 2001), the one that Gordo & Larlus, CVPR 2017 used.
"""

from __future__ import annotations

import re
from functools import lru_cache

import snowballstemmer

from models.text.normalise import normalise

_WORD = re.compile(r"[^\W\d_]{2,}(?:'[^\W\d_]+)?")  # letters; one letter alone is a fragment (man 's) or an article

STOP_WORDS = frozenset(  # one string reads better than 230 quoted words
    """
    an the this that these those
    i me my mine myself we us our ours ourselves you your yours yourself yourselves
    he him his himself she her hers herself it its itself they them their theirs themselves one's
    who whom whose which what where when why how someone somebody something anyone anything everyone everything
    nobody nothing no not nor none any some each every either neither both all other others another such own same
    am is are was were be been being isn't aren't wasn't weren't has have had having hasn't haven't hadn't
    do does did doing done don't doesn't didn't will would shall should can could may might must cannot can't couldn't
    won't wouldn't shouldn't it's he's she's that's there's they're
    about above across after against along alongside amid among amongst around as at atop away before behind below
    beneath beside besides between beyond by down during except for from in inside into like near next of off on onto
    out outside over past per since through throughout to toward towards under underneath until up upon via with
    within without
    and but or if because while although though than so whether
    there here then now just only also too very more most less least quite rather still yet again almost
    """.split()  # noqa: SIM905
)


def content_words(text: str) -> list[str]:
    """Return the words of a text that are not stop words, in their normal form (see ``normalise``) and order."""
    return [word for word in _WORD.findall(normalise(text)) if word not in STOP_WORDS]


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return the Snowball stem of a word in lower case."""
    stemmed: str = snowballstemmer.stemmer("english").stemWord(word)  # a stemmer has state: none is shared
    return stemmed


def stems(text: str) -> list[str]:
    """Return the stems of a text's content words, in their order, repeated where they are."""
    return [stem(word) for word in content_words(text)]
