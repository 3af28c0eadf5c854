"""Measures forms of excitation back-propagation through ``lstm-similarity``: does the map lie on the right photograph?

``python benchmarks/excitation.py --images FOLDER --captions FILE --split FILE`` asks pictures of two and of four
photographs for the caption of one of them and writes ``benchmarks/results/excitation.csv``: for each form the share of
what speaks for the caption that lies on the right one, how often the peak does, and how alike the maps of different
captions on one picture are (mean correlation). ``gradient`` is Grad-CAM on the same network's logit,
as it is and with the LSTM's gates held as excitation holds them.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Mapping
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.provenance import provenance
from lab.data.captioned import read_captioned
from lab.evaluation.explain.montage import montage, pointing
from lab.evaluation.explain.pairs import Pairs, draw_pairs
from models.backbones.frozen import load_backbone
from models.explain.excitation import MATCHER, Found, SimilarityNetwork, load_network, shares
from models.inference.cache_folder import cache_folder
from models.library import InstalledModels
from models.matchers.lstm_similarity_module import MAX_WORDS, LstmSimilarity
from models.matchers.lstm_similarity_module import load_network as load_module
from models.names import DEFAULT_MODEL
from models.shipped import matcher_card, weights_folder

RESULTS = Path(__file__).parent / "results" / "excitation.csv"
_SIDE = 7
_ALIKE = 12
"""Captions of whose maps on one picture the likeness is measured."""

FeatureMap = NDArray[np.float32]
Form = Callable[[NDArray[np.int64], FeatureMap], NDArray[np.float64]]
"""Numbers of words and a feature map ``(C, P)`` to a map ``(P,)``."""


class Row(NamedTuple):
    """What was measured of one form: shares, and a correlation."""

    form: str
    side_by_side: float
    side_by_side_peak: float
    mosaic: float
    mosaic_peak: float
    alike: float


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--images", "--captions", "--split"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=100)
    asked = parser.parse_args()
    data = read_captioned(asked.images, asked.captions, asked.split, name=asked.split.stem)
    pairs = draw_pairs(InstalledModels(cache=cache_folder()).encoder(DEFAULT_MODEL), data, asked.pairs, 0)
    rows = measure(pairs)
    at = provenance(f"python benchmarks/excitation.py --pairs {asked.pairs}")
    text = StringIO()
    writer = csv.DictWriter(text, [*Row._fields, "pairs", *at], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        figures = {name: f"{value:.4f}" for name, value in row._asdict().items() if name != "form"}
        writer.writerow({"form": row.form, **figures, "pairs": asked.pairs, **at})
    RESULTS.write_text(text.getvalue(), encoding="utf-8")


def measure(pairs: Pairs) -> list[Row]:
    """Measure all forms on the same pictures."""
    network, vocabulary = load_network()
    card = matcher_card(MATCHER)
    module = load_module(card, weights_folder(MATCHER))
    numbers = [vocabulary.encode([text], max_words=MAX_WORDS)[0][0] for text in pairs.texts]
    maps = {count: _maps(pairs, count) for count in (2, 4)}
    return [_row(name, form, numbers, maps) for name, form in forms(network, module).items()]


def forms(network: SimilarityNetwork, module: LstmSimilarity) -> dict[str, Form]:
    """Return the forms by name."""
    return {
        "by layer": lambda words, seen: _plain(network, words, seen, at_once=False),
        "by layer, contrastive": lambda words, seen: _contrast(network, words, seen, _as_they_are, at_once=False),
        "by layer, contrastive, as shares": lambda words, seen: _contrast(
            network, words, seen, _as_shares, at_once=False
        ),
        "at once": lambda words, seen: _plain(network, words, seen, at_once=True),
        "at once, contrastive": lambda words, seen: _contrast(network, words, seen, _as_they_are, at_once=True),
        "at once, contrastive, as shares": lambda words, seen: _contrast(
            network, words, seen, _as_shares, at_once=True
        ),
        "gradient": lambda words, seen: _gradient(module, words, seen, hold_gates=False),
        "gradient, gates held": lambda words, seen: _gradient(module, words, seen, hold_gates=True),
    }


def _plain(
    network: SimilarityNetwork, words: NDArray[np.int64], seen: FeatureMap, *, at_once: bool
) -> NDArray[np.float64]:
    return _as_they_are(network.follow(network.read(words, seen), dual=False, at_once=at_once))


def _contrast(
    network: SimilarityNetwork,
    words: NDArray[np.int64],
    seen: FeatureMap,
    of: Callable[[Found | None], NDArray[np.float64]],
    *,
    at_once: bool,
) -> NDArray[np.float64]:
    reading = network.read(words, seen)
    found, against = (of(network.follow(reading, dual=dual, at_once=at_once)) for dual in (False, True))
    return found - against


def _as_they_are(found: Found | None) -> NDArray[np.float64]:
    return np.zeros(_SIDE**2) if found is None else found.places


def _as_shares(found: Found | None) -> NDArray[np.float64]:
    return shares(found, _SIDE**2)


def _gradient(
    module: LstmSimilarity, words: NDArray[np.int64], seen: FeatureMap, *, hold_gates: bool
) -> NDArray[np.float64]:
    features, lstm = torch.from_numpy(seen).requires_grad_(), module.lstm
    output = cell = torch.zeros(1, lstm.hidden)
    for given in (module.image_vector(features.mean(dim=1)[None]), *module.words[torch.from_numpy(words)][:, None]):
        x = lstm.from_input(given) + lstm.from_state(output)
        gates = x[:, : 3 * lstm.hidden].sigmoid()
        let_in, keep, let_out = (gates.detach() if hold_gates else gates).chunk(3, dim=1)
        cell = keep * cell + let_in * x[:, 3 * lstm.hidden :].relu()
        output = let_out * cell
    (gradient,) = torch.autograd.grad(module.output(output).sum(), features)
    found: NDArray[np.float64] = (gradient * features).sum(dim=0).detach().double().numpy()
    return found


def _maps(pairs: Pairs, count: int) -> list[FeatureMap]:
    """Return the feature map of a picture of several photographs for each pair, ``(C, P)``."""
    backbone, found = load_backbone(), []
    with torch.inference_mode():
        for pair in range(len(pairs)):
            order = [(pair + place - pair % count) % len(pairs) for place in range(count)]
            picture = torch.from_numpy(montage(pairs.pixels[order])[None])
            found.append(backbone(picture)[0].flatten(1).numpy())
    return found


def _row(name: str, form: Form, numbers: list[NDArray[np.int64]], maps: Mapping[int, list[FeatureMap]]) -> Row:
    pointed = {
        count: np.mean(
            [
                pointing(_grid(form(words, seen)), count, pair % count, 32 * _SIDE)
                for pair, (words, seen) in enumerate(zip(numbers, of_count, strict=True))
            ],
            axis=0,
        ).tolist()
        for count, of_count in maps.items()
    }
    others = [form(words, maps[4][0]) for words in numbers[:_ALIKE]]
    alike = float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in combinations(others, 2)]))
    return Row(name, *pointed[2], *pointed[4], alike)


def _grid(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return values.reshape(_SIDE, _SIDE).astype(np.float32)


if __name__ == "__main__":
    main()
