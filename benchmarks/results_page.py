"""Makes ``docs/results.md`` of what ``benchmarks/systems.py`` measured, beside what the papers report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import read_csv
from models.shipped import captioner_cards, encoder_cards, matcher_cards

RESULTS = Path(__file__).parent / "results"
SET = "flickr8k-dev"
_ENCODERS = frozenset(card.name for card in encoder_cards())

_WAYS = ("image_to_text", "text_to_image")
_RECALLS = ("r@1", "r@5", "r@10")
_CAPTIONS = ("bleu-4", "meteor", "cider-d")

Row = Mapping[str, str]


def results_page(results: Path = RESULTS) -> str:
    """Return the page; systems that have not been measured are not on it."""
    measured, reported = (
        read_csv(results / f"{name}.csv") if (results / f"{name}.csv").is_file() else []
        for name in ("systems", "reported")
    )
    parts = [_introduction(measured)]
    if measured:
        parts += [_retrieval(measured, reported), _captioners(measured, reported), _semantic(measured)]
        parts += [*_curves(results / SET / "semantic-vt.json"), *_proxies(results / SET / "proxies.json")]
        parts += [_cost(measured), _cards(measured)]
    return "\n\n".join([*parts, _others(measured, reported)]) + "\n"


def _introduction(measured: Sequence[Row]) -> str:
    text = (
        "# Results\n\nMade by `python docs/generate.py` from `benchmarks/results/systems.csv` and `reported.csv`; "
        "[evaluation](evaluation.md) says what each measure means. Fractions in percent. Every system that ships, on "
        "Flickr8k dev (1,000 photographs, 5,000 sentences), measured with the runtime that serves. Rows in *italics* "
        "are the figures of the [papers](systems.md#the-papers) and of what they cite, as reported there: with "
        "other backbones (named where the source does), on the split that is named."
    )
    machines: dict[str, list[str]] = {}
    for row in measured:
        where = f"{row['cpu']}, {row['cores']} cores, torch {row['torch']}, OpenVINO {row['openvino']}"
        machines.setdefault(where, []).append(row["date"][:10])
    lines = [
        f"Measured by `python benchmarks/systems.py` {_span(dates)}: {where}." for where, dates in machines.items()
    ]
    return "\n\n".join([text, *lines])


def _retrieval(measured: Sequence[Row], reported: Sequence[Row]) -> str:
    rows = []
    for row in measured:
        if row["kind"] != "captioner":
            rows.append([f"`{row['model']}`", row["kind"], *_ranks(row), _percent(row["pairwise_accuracy"])])
        rows += [
            [_theirs(other), "", *(f"*{cell}*" if cell else "" for cell in _ranks(other)), _slanted(other)]
            for other in reported
            if other["beside"] == row["model"] and row["kind"] != "captioner"
        ]
    heading = ("", "", "image to text R@1/5/10", "median", "text to image R@1/5/10", "median", "random pairs")
    return (
        "## Retrieval\n\nRe-rankers rank all pairs by their own score here; a search adds it to an encoder's.\n\n"
        + _table(heading, rows)
        + "\n\nImages and captions of `single-network` together on one plane by t-SNE (figure 3 of Nawaz et al. 2018), "
        "by `semblance evaluate map --model single-network`. They lie apart (a modality gap, Liang et al. 2022): "
        "a sentence is nearer to other sentences than to its photograph, and ranks photographs by what is left.\n\n"
        "![Captions in clusters, and the images in two clusters beside them](images/single-network-map.png)"
    )


def _captioners(measured: Sequence[Row], reported: Sequence[Row]) -> str:
    rows = []
    for row in measured:
        if row["kind"] == "captioner":
            rows.append([f"`{row['model']}`", *(_percent(row[name]) for name in _CAPTIONS)])
            beside = [other for other in reported if other["beside"] == row["model"]]
            rows += [[_theirs(o), *(f"*{_percent(o[n])}*" if o[n] else "" for n in _CAPTIONS)] for o in beside]
    return (
        "## Captions\n\nBy beam search of width 3. METEOR is of exact words and stems here, theirs also of synonyms; "
        f"CIDEr-D times 100.\n\n{_table(('', 'BLEU-4', 'METEOR', 'CIDEr-D'), rows)}"
    )


def _semantic(measured: Sequence[Row]) -> str:
    names = ("ndcg_area", "pcc_area", "ndcg_area_with_text", "pcc_area_with_text")
    rows = [[f"`{row['model']}`", *(_percent(row[name]) for name in names)] for row in measured if row["ndcg_area"]]
    heading = ("", "by image: NDCG area", "PCC area", "by image + text: NDCG area", "PCC area")
    return f"## Semantic retrieval\n\nRelevance by tf-idf of the captions.\n\n{_table(heading, rows)}"


def _curves(file: Path) -> list[str]:
    """Show figure 2 of Gordo and Larlus, and whether joint training exceeds its baselines."""
    if not file.is_file():
        return []
    compared = json.loads(file.read_text(encoding="utf-8"))["versus"]
    told = "; ".join(f"`{name}`'s by {_interval(own, 'ndcg_area')}" for name, own in compared.items())
    return [
        "NDCG and PCC over the first R results (figure 2 of Gordo and Larlus 2017), by `semblance evaluate semantic "
        "--model semantic-vt --versus semantic-v --versus wsabie`:\n\n"
        "![NDCG and PCC over the number of results](images/semantic-curves.png)\n\n"
        f"In points of the NDCG area (95 % interval over the queries), `semantic-vt` exceeds {told}."
    ]


def _proxies(file: Path) -> list[str]:
    """Show table 1 of Gordo and Larlus, with captions in the place of people."""
    if not file.is_file():
        return []
    figures = json.loads(file.read_text(encoding="utf-8"))
    rows = [
        ["captions with each other", _percent(str(figures["between_captions"]))],
        *([f"`{name}`" if name in _ENCODERS else name, _interval(own, "agreement")]
          for name, own in figures["measures"].items()),
        ["chance", _percent(str(figures["random"]))],
    ]  # fmt: skip
    return [
        "### Which measure of relevance\n\nOf two visual neighbours of an image, which is nearer to it? Table 1 of "
        "Gordo and Larlus 2017 asks people; no user study is here, and captions held apart vote in their place "
        f"({figures['triplets']:,} triplets; [how](evaluation.md#other-relevance-than-tf-idf)). The paper's figures: "
        "people 89.1, METEOR 72.1, word2vec with Fisher vectors 70.1, tf-idf 76.3, tf-idf of generated captions 62.5, "
        "ResNet R-MAC 64.0. Measures of captions know the other three of each image, models the photograph alone. What "
        "scores both images alike agrees with nobody, such as written captions that share no word with the query's."
        f"\n\n{_table(('', 'agreement with the votes'), rows)}"
    ]


def _interval(own: Mapping[str, Any], name: str) -> str:
    low, high = own["interval"]
    return f"{100 * own[name]:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _cost(measured: Sequence[Row]) -> str:
    rows = [
        [
            f"`{row['model']}`",
            *(_millions(row[name]) for name in ("parameters", "shared_parameters", "weights_bytes", "shared_bytes")),
            *(f"{float(row[name]):.1f}" if row[name] else "" for name in ("ms_an_image", "ms_a_query")),
        ]
        for row in measured
    ]
    heading = (
        "", "parameters, millions", "shared with others", "weights, MB", "shared with others", "ms an image",
        "ms a query",
    )  # fmt: skip
    return (
        "## Size and time\n\nOne prepared photograph alone; one sentence with all photographs (re-rankers: 50); a "
        f"captioner's whole sentence.\n\n{_table(heading, rows)}"
    )


def _cards(measured: Sequence[Row]) -> str:
    """Say of each system over which backbone it is and how it departs from its paper, as its card does."""
    descriptions = {card.name: card.description for card in (*encoder_cards(), *matcher_cards(), *captioner_cards())}
    rows = [[f"`{row['model']}`", descriptions[row["model"]]] for row in measured]
    return (
        "## Backbones, and what departs from the papers\n\nAs the cards of the weights say it. All figures above are "
        f"of Flickr8k dev, by the protocol of [evaluation](evaluation.md).\n\n{_table(('', 'card'), rows)}"
    )


def _others(measured: Sequence[Row], reported: Sequence[Row]) -> str:
    """List all that is reported, with its source."""
    known = {row["model"] for row in measured}
    rows = [
        [
            _theirs(row),
            *(f"*{cell}*" if cell else "" for cell in _ranks(row)),
            f"`{row['beside']}`" if row["beside"] in known else row["beside"],
            row["source"],
        ]
        for row in reported
    ]
    heading = (
        "", "image to text R@1/5/10", "median", "text to image R@1/5/10", "median", "stands beside", "source",
    )  # fmt: skip
    return f"## What others report\n\n{_table(heading, rows)}"


def _ranks(row: Row) -> list[str]:
    cells = []
    for way in _WAYS:
        recalls = [row[f"{way}_{recall}"] for recall in _RECALLS]
        median = row[f"{way}_median_rank"]
        cells += [" / ".join(map(_percent, recalls)) if all(recalls) else "", f"{float(median):g}" if median else ""]
    return cells


def _theirs(row: Row) -> str:
    return f"*{', '.join(row[name] for name in ('system', 'backbone', 'split') if row[name])}*"


def _slanted(row: Row) -> str:
    return f"*{_percent(row['pairwise_accuracy'])}*" if row["pairwise_accuracy"] else ""


def _percent(share: str) -> str:
    return f"{100 * float(share):.1f}" if share else ""


def _millions(count: str) -> str:
    return f"{int(count) / 1e6:.1f}"


def _span(dates: Sequence[str]) -> str:
    first, last = min(dates), max(dates)
    return f"on {first}" if first == last else f"from {first} to {last}"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [heading, ["---"] * len(heading), *rows])
