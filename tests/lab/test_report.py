"""The report shows what was measured, as it was measured, and of an untrusted caption nothing but its text."""

import dataclasses
import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from demo_set import read_demo_set

from lab.evaluation.embedding_map import map_embeddings
from lab.evaluation.encoded import EncodedSet, encode_captioned
from lab.evaluation.report import plots
from lab.evaluation.report.images import Compared, images_section
from lab.evaluation.report.map_view import SCALE, map_section
from lab.evaluation.report.measures import evaluate_measures, read_figures, sections_of
from lab.evaluation.report.page import report_page
from lab.evaluation.report.pictures import Item, pictures_section
from lab.evaluation.report.thumbnails import thumbnail_uri
from models.errors import InputError
from models.library import InstalledModels
from models.protocols import DualEncoder
from models.text.stems import content_words, stem

WEIGHTS = [0.5, 1.0, 1.5]
SIDE = {"lift": [0.1, 0.2, 0.3], "retention": [0.9, 0.8, 0.7], "possible": 0.61, "before": 0.05}
CURVES = {"ndcg": [0.5, 0.6, 0.6], "pcc": [0.0, 0.4, 0.5], "ndcg_area": 0.5512, "pcc_area": 0.4}
RELIABLE = {
    "expected_calibration_error": 0.0213,
    "reliability": [
        {"confidence": 0.2, "frequency": 0.25, "count": 8},
        {"confidence": 0.8, "frequency": 0.75, "count": 4},
    ],
    "confidence": 0.4,
    "precision": 0.4166,
    "told_absent": 0.8713,
}
FIGURES = {
    "retrieval": {
        way: {
            "r@1": 0.257, "r@5": 0.546, "r@10": 0.692, "median_rank": 4.0, "mean_rank": 17.2938,
            "intervals": {"r@1": [0.2411, 0.2733]},
        }
        for way in ("text_to_image", "image_to_text")
    },
    "pairwise": {"accuracy": 0.9784, "interval": [0.9741, 0.9812], "samples": 6400},
    "semantic": {
        "ranks": [1, 2, 3], "relevance": "tf-idf", "queries": {"image": {"<b>toy</b>": CURVES, "random": CURVES}},
    },
    "modifiers": {
        "weights": WEIGHTS, "plus": SIDE, "minus": SIDE, "default_weight": 1.0,
        "at_default": {sign: {"lift": 0.2, "retention": 0.8} for sign in ("plus", "minus")},
    },
    "calibration": {"searches": {"text-to-image": RELIABLE, "image-to-text": RELIABLE | {"told_absent": None}}},
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> DualEncoder:
    return InstalledModels().encoder("semblance-base")


@pytest.fixture(scope="module")
def encoded(encoder: DualEncoder, tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encode_captioned(encoder, read_demo_set(tmp_path_factory.mktemp("demo"), 30))


@pytest.fixture(scope="module")
def page(encoded: EncodedSet, encoder: DualEncoder) -> str:
    return report_page(encoded, encoder.card, evaluate_measures(encoder, encoded), date="2001-02-03")


@pytest.fixture(scope="module")
def plain(encoded: EncodedSet, encoder: DualEncoder) -> str:
    return report_page(encoded, encoder.card, FIGURES, date="2001-02-03", pictures=False)


def test_every_measure_is_shown_with_its_figures(plain: str, encoder: DualEncoder) -> None:
    cells = set(re.findall(r"<td>([^<]*)</td>", plain))
    assert {"25.7\n24.1–27.3", "54.6", "4", "17.29"} < cells  # retrieval
    assert {"97.8", "97.4–98.1", "6,400", "0.551", "5.0", "61.0", "80.0", "0.021", "0.871", "0.417"} < cells
    assert [section.key for section in sections_of(FIGURES)] == list(FIGURES)
    assert plain.count('<svg viewBox="0 0') == 6  # NDCG, PCC, plus, minus, reliability both ways
    assert "<b>toy</b>" not in plain and "&lt;b&gt;toy&lt;/b&gt;" in plain
    assert encoder.card.weights_sha256 in plain and "2001-02-03" in plain and "30 images, 31 captions" in plain


def test_what_was_not_measured_is_not_shown(page: str) -> None:
    assert re.findall(r'<section id="(\w+)"', page) == [
        "retrieval", "pairwise", "semantic", "modifiers", "map", "queries", "provenance",
    ]  # fmt: skip


def test_a_caption_is_text_and_nothing_else(page: str) -> None:
    assert "document.title = " in page
    assert "<script>document" not in page and "<img src=x" not in page


def test_without_pictures_no_photograph_and_no_caption_is_in_the_page(
    page: str, plain: str, encoded: EncodedSet
) -> None:
    assert "data:image/webp" in page and "data:image" not in plain
    captions = encoded.data.flat_captions()[0][1:]
    assert all(caption.replace("'", r"\u0027") in page for caption in captions if caption[0] != "<")
    assert not [caption for caption in captions if caption in plain]


def test_the_same_figures_make_the_same_page(plain: str, encoded: EncodedSet, encoder: DualEncoder) -> None:
    assert report_page(encoded, encoder.card, FIGURES, date="2001-02-03", pictures=False) == plain


def test_ids_are_unique_in_the_page(plain: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', plain)
    assert len(set(ids)) == len(ids) > 10


def test_an_untrusted_name_is_text_in_a_plot() -> None:
    svg = plots.curves("p", [1, 2], {"$a_b$ <script>": [0.0, 1.0]}, ("x", "y"))
    assert "$a_b$ &lt;script&gt;" in svg and "<script" not in svg


def test_figures_come_from_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"retrieval\.json"):
        read_figures(tmp_path)
    (tmp_path / "pairwise.json").write_text(json.dumps(FIGURES["pairwise"]))
    assert read_figures(tmp_path) == {"pairwise": FIGURES["pairwise"]}
    with pytest.raises(InputError, match="pairwise have no 'interval'"):
        sections_of({"pairwise": {"accuracy": 1.0}})
    for damaged in ("{", "[]"):
        (tmp_path / "semantic.json").write_text(damaged)
        with pytest.raises(InputError, match=r"semantic\.json"):
            read_figures(tmp_path)


def test_best_and_worst_queries_are_those_of_a_slow_count(encoded: EncodedSet) -> None:
    captions, owners = encoded.data.flat_captions()
    scores = (encoded.captions @ encoded.images.T).tolist()

    def place(caption: int) -> tuple[int, float]:
        own = scores[caption][owners[caption]]
        others = [score for image, score in enumerate(scores[caption]) if image != owners[caption]]
        return 1 + sum(score >= own for score in others), max(others) - own

    order = sorted(range(len(captions)), key=place)
    best, worst = pictures_section(encoded).blocks[:2]
    for gallery, rows in ((best, order), (worst, order[::-1])):
        seen: set[int] = set()
        expected = [row for row in rows if not (owners[row] in seen or seen.add(owners[row]))][:5]
        assert [query.query.text for query in gallery.queries] == [captions[row] for row in expected]
        for query, row in zip(gallery.queries, expected, strict=True):
            assert query.rank == place(row)[0]
            assert [a.score for a in query.answers] == pytest.approx(sorted(scores[row], reverse=True)[:5], abs=1e-5)
            assert query.wanted.score == pytest.approx(scores[row][owners[row]], abs=1e-5)
            assert query.wanted.right and query.wanted.item.image.startswith("data:image/webp")
            assert any(answer.right for answer in query.answers) == (query.rank <= 5)


def test_images_are_found_by_images_and_by_signed_words(encoded: EncodedSet, encoder: DualEncoder) -> None:
    imagenet = encoded.images[:, ::-1].copy()
    imagenet[0], imagenet[5] = 0, 0
    section = images_section(encoded, encoder.encode_texts, imagenet, 1.4)
    compared, steered = section.blocks
    assert isinstance(compared, Compared) and isinstance(steered, Compared)
    shown = [Item(image=thumbnail_uri(file, 120)) for file in encoded.data.files]
    queries = [shown.index(item) for item, _ in compared.queries]
    assert queries == [0, 6, 12, 17, 23, 29]
    for (query, ways), row in zip(compared.queries, queries, strict=True):
        assert query == shown[row]
        for way, vectors in zip(ways, (imagenet, encoded.images), strict=True):
            order = sorted(range(30), key=lambda other: (-float(vectors[other] @ vectors[row]), other))
            assert list(way.images) == [shown[other] for other in order if other != row][:7]
        assert [way.by for way in ways] == ["ImageNet features", "semblance-base"]
    for (_, ways), row in zip(steered.queries, queries, strict=True):
        plus, minus = ways
        own = {stem(word) for caption in encoded.data.captions[row] for word in content_words(caption)}
        assert (plus.by[0], minus.by[0]) == ("+", "\N{MINUS SIGN}")
        assert stem(plus.by[1:]) not in own and stem(minus.by[1:]) in own
        (word,) = encoder.encode_texts([plus.by[1:]])
        scores = encoded.images @ (encoded.images[row] + 1.4 * word)
        best = max((other for other in range(30) if other != row), key=lambda other: scores[other])
        assert plus.images[0] == shown[best]


def test_galleries_stand_behind_the_queries(encoded: EncodedSet, encoder: DualEncoder) -> None:
    section = images_section(encoded, encoder.encode_texts, None, 1.4)
    page = report_page(encoded, encoder.card, {}, date="2001-02-03", galleries=[section])
    assert re.findall(r'<section id="(\w+)"', page) == ["map", "queries", "images", "provenance"]
    assert page.count('<article class="compared">') == 12
    assert "ImageNet features" not in page


def test_an_image_finds_its_best_caption(encoded: EncodedSet) -> None:
    best = pictures_section(encoded).blocks[2]
    captions = [caption for several in encoded.data.captions for caption in several]
    for query in best.queries:
        assert query.rank == 1 and query.query.image
        assert query.wanted.item == query.answers[0].item and query.wanted.item.text in captions


def test_the_map_keeps_captions_by_their_image_and_is_the_same_again(encoded: EncodedSet) -> None:
    plane = map_embeddings(encoded, seed=3)
    again = map_embeddings(encoded, seed=3)
    assert np.array_equal(plane.images, again.images) and np.array_equal(plane.captions, again.captions)
    both = np.concatenate([plane.images, plane.captions])
    assert both.min() >= 0 and both.max() <= 1 and (np.ptp(both, axis=0)).max() == pytest.approx(1)
    pairs = list(itertools.product(range(30), range(31)))
    distance = {(i, c): math.dist(plane.images[i], plane.captions[c]) for i, c in pairs}
    own = [distance[i, c] for i, c in pairs if encoded.image_of_caption[c] == i]
    other = [distance[i, c] for i, c in pairs if encoded.image_of_caption[c] != i]
    assert np.median(own) < 0.6 * np.median(other)


def test_a_large_set_is_represented_by_some_images_with_all_their_captions(encoded: EncodedSet) -> None:
    plane = map_embeddings(encoded, seed=1, max_images=12)
    assert len(set(plane.image_rows.tolist())) == 12
    expected = [c for c, image in enumerate(encoded.image_of_caption) if image in plane.image_rows]
    assert plane.caption_rows.tolist() == expected
    view = map_section(encoded, plane, pictures=True).blocks[0]
    texts = encoded.data.flat_captions()[0]
    assert view.content["captions"] == [texts[c] for c in expected]
    assert [plane.image_rows[i] for i in view.content["imageOfCaption"]] == [
        encoded.image_of_caption[c] for c in expected
    ]
    x, y = map(int, re.match(r"M(\d+) (\d+)h0", view.images).groups())
    assert (x, SCALE - y) == pytest.approx(plane.images[0] * SCALE, abs=0.51)


def test_one_image_makes_no_map(encoded: EncodedSet) -> None:
    with pytest.raises(InputError, match="at least 2"):
        map_embeddings(dataclasses.replace(encoded, images=encoded.images[:1]))


@pytest.mark.parametrize(("name", "magic"), [("map.png", b"\x89PNG"), ("map.svg", b"<?xml")])
def test_the_map_is_drawn_as_a_picture(encoded: EncodedSet, tmp_path: Path, name: str, magic: bytes) -> None:
    plane = map_embeddings(encoded)
    plots.save_scatter({"captions": plane.captions, "images": plane.images}, tmp_path / name, "toy <map>")
    assert (tmp_path / name).read_bytes().startswith(magic)
