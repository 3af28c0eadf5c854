"""Reads queries before they are parsed; what takes longer than a look into a set runs in a thread."""

from __future__ import annotations

from concurrent.futures import Executor

from models.text.spelling import Spelling
from service.search.correction import Reading, read_words
from service.serving.generations import Generations
from service.serving.threads import run_in


class QuerySpelling:
    """Reads for one service; called on the event loop.

    Args:
        spelling: knows the words.
        generations: whose captions may hold a word that nobody else knows.
        threads: where dictionaries and captions are read.
    """

    def __init__(self, spelling: Spelling, generations: Generations, threads: Executor) -> None:
        self._spelling, self._generations, self._threads = spelling, generations, threads

    async def read(self, text: str, collection: str | None, model: str | None, *, correct: bool) -> Reading:
        """Return how a query is read.

        Args:
            text: the query.
            collection: that is searched; None for the only or the default one.
            model: that answers; None for the default one.
            correct: correct a typing error.

        Raises:
            SemblanceError: the collection or the model is not there.
        """
        if not self._spelling.is_doubtful(text):
            return Reading(text)
        with self._generations.pin(collection, model) as served:
            card = served.encoder.encoder.card
            generation = served.generation
            return await run_in(self._threads, read_words, text, self._spelling, card, generation, correct=correct)
