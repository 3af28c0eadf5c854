r"""BLEU of a whole set of captions, by sacrebleu: the share of their n-grams that the references have.

.. math:: \mathrm{BLEU}_N = \min(1, e^{1 - r / c}) \left(\prod_{n=1}^{N} p_n\right)^{1/N}

with :math:`p_n` the clipped precision of n-grams over all captions, c their words and r those of each one's reference
of the nearest length (Papineni et al., ACL 2002; Post 2018 for sacrebleu). No smoothing: without a single common
n-gram BLEU is 0.
"""

from __future__ import annotations

from collections.abc import Sequence

ORDERS = (1, 2, 3, 4)

Words = Sequence[str]


def corpus_bleu(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> dict[str, float]:
    """Return BLEU-1 to BLEU-4 in 0..1, by ``bleu-1`` and so on.

    Args:
        captions: one for each image, as words: they are compared as they stand.
        references: for each image any number of references, at least one.
    """
    from sacrebleu.metrics.bleu import BLEU

    most = max(map(len, references))
    texts = [" ".join(words) for words in captions]
    # sacrebleu wants streams: the i-th reference of every image; None where an image has fewer
    streams = [[" ".join(own[i]) if i < len(own) else None for own in references] for i in range(most)]
    return {
        f"bleu-{order}": BLEU(tokenize="none", smooth_method="none", max_ngram_order=order, force=True)
        .corpus_score(texts, streams)
        .score
        / 100
        for order in ORDERS
    }
