"""What is measured of methods of explanation, on the toy encoder, where the right answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from random_checkpoint import save_checkpoint
from toy_encoder import ToyEncoder
from toy_explainer import ToyExplainer
from toy_matcher import ToyMatcher

from lab.data.captioned import CaptionedImages
from lab.evaluation.explain.controls import CentreMap, RandomMap
from lab.evaluation.explain.measures import correlation, measure_pair
from lab.evaluation.explain.montage import montage, pointing
from lab.evaluation.explain.pairs import Pairs, draw_pairs, match_of
from lab.evaluation.explain.run import evaluate_explanations
from lab.evaluation.explain.scores import EncoderScores, MatcherScores
from lab.evaluation.explain.subjects import Subject, load_subjects, redraw_last_blocks
from lab.evaluation.explain.summary import compare
from models.backbones.lite_pair import LitePair
from models.errors import InputError
from models.inference.execution import Execution
from models.library import InstalledModels
from models.types import Vectors

COLOURS = {"red": (220, 0, 0), "green": (0, 220, 0), "blue": (0, 0, 220), "yellow": (220, 220, 0)}


@pytest.fixture
def data(tmp_path: Path) -> CaptionedImages:
    """Black pictures with one corner in a colour, that are captioned by its name."""
    files = []
    for name, colour in COLOURS.items():
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[:4, :4] = colour
        files.append(tmp_path / f"{name}.png")
        Image.fromarray(pixels).save(files[-1])
    return CaptionedImages("corners", tuple(files), tuple((f"a {name} corner",) for name in COLOURS))


@pytest.fixture
def pairs(data: CaptionedImages) -> Pairs:
    return draw_pairs(ToyEncoder(), data, 4, seed=0)


def of_the_set(pairs: Pairs) -> Vectors:
    """Return the vectors of all images of the set, in its order."""
    vectors = np.empty_like(pairs.vectors)
    vectors[pairs.rows] = pairs.vectors
    return vectors


def test_a_montage_holds_each_photograph_in_its_part_by_the_mean_of_neighbours() -> None:
    photographs = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (10, 20, 30, 40)])
    photographs[0, :, 0] = 30
    assert montage(photographs[:2])[:, :, 0].tolist() == [[20, 10, 20, 20]] * 4
    assert montage(photographs)[:, :, 0].tolist() == [[20, 10, 20, 20]] * 2 + [[30, 30, 40, 40]] * 2


def test_pointing_counts_what_speaks_for_the_query_on_the_right_photograph() -> None:
    values = np.array([[3, 1], [-5, 0]], np.float32)
    assert pointing(values, 4, 0, 2) == (0.75, True)
    assert pointing(values, 4, 1, 2) == (0.25, False)
    assert pointing(values, 2, 1, 2) == (0.25, False)
    assert pointing(-np.abs(values), 2, 0, 2) == (0.0, False)


def test_each_photograph_has_a_caption_of_its_own_and_a_sentence_that_is_not(pairs: Pairs) -> None:
    for pair in range(len(pairs)):
        score = EncoderScores(pairs, pairs.vectors).pictures(pairs.texts[pair], pairs.pixels[[pair]])[0]
        assert float(score) == pytest.approx(
            float(match_of(pairs.encoder, pairs.texts[pair], pairs.pixels[pair], pairs.vectors[pair]).vector
                  @ pairs.match(pair).query.vector), abs=1e-6
        )  # fmt: skip
    captions = [pairs.unrelated[pair] for pair in range(0, 4, 2)]
    assert all(text in pairs.texts for text in captions)
    assert not any(pairs.unrelated[pair] in pairs.texts for pair in range(1, 4, 2))
    assert not any(pairs.unrelated[pair] == pairs.texts[pair] for pair in range(4))


def test_more_pairs_than_images_are_refused(data: CaptionedImages) -> None:
    with pytest.raises(InputError, match="4 images"):
        draw_pairs(ToyEncoder(), data, 5, seed=0)


def test_the_control_that_draws_gives_a_picture_the_same_map_and_another_seed_another(pairs: Pairs) -> None:
    first, again, other = (RandomMap(seed).explain(pairs.match(0)).whole().values for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert abs(correlation(first, other)) < 0.6


def test_the_control_at_the_centre_is_highest_there(pairs: Pairs) -> None:
    values = CentreMap().explain(pairs.match(0)).whole().values
    assert values.argmax() == values.size // 2
    np.testing.assert_allclose(values, values.T)


def test_rank_correlation_by_hand() -> None:
    a = np.array([[1, 2], [3, 4]], np.float32)
    assert correlation(a, a**3) == pytest.approx(1)
    assert correlation(a, -a) == pytest.approx(-1)
    assert correlation(a, np.array([[1, 2], [4, 3]], np.float32)) == pytest.approx(0.8)  # 1 - 6 * 2 / (4 * 15)
    assert correlation(a, np.zeros_like(a)) == 0


def test_a_method_that_knows_the_place_beats_one_that_does_not(pairs: Pairs) -> None:
    knows = measure_pair(ToyExplainer(), pairs, 0, steps=4, scores=EncoderScores(pairs, pairs.vectors))
    guesses = measure_pair(CentreMap(), pairs, 0, steps=4, scores=EncoderScores(pairs, pairs.vectors))
    assert knows.insertion[0] - knows.deletion[0] > guesses.insertion[0] - guesses.deletion[0]
    assert knows.montages[2].mass > 0.5


def test_the_figures_have_one_shape_for_every_method_and_controls(pairs: Pairs) -> None:
    toy = Subject("toy", ToyExplainer(), None)
    controls = [Subject("random", RandomMap(), lambda: RandomMap(1)), Subject("centre", CentreMap(), CentreMap)]
    figures = evaluate_explanations(pairs, [toy, *controls], of_the_set(pairs), default="toy", steps=4, seed=0)
    assert figures["default"] == "toy"
    assert {of["explains"] for of in figures["methods"].values()} == {None}
    assert figures["methods"]["toy"]["image_montage_4"]["mass"] > 0.25
    assert list(figures["methods"]) == ["toy", "random", "centre"]
    for of in figures["methods"].values():
        assert set(of) == {
            "deletion", "insertion", "beats_random", "beats_centre", "montage_2", "montage_4", "randomised",
            "unrelated", "words", "rest", "ms", "image_montage_4", "explains",
        }  # fmt: skip
        assert set(of["deletion"]) == set(of["insertion"]) == {"normalised", "raw"}
        assert set(of["montage_2"]) == set(of["montage_4"]) == {"mass", "peak"}
        assert set(of["unrelated"]) == {"told", "falsely"}
        assert of["ms"] > 0
    assert figures["methods"]["toy"]["beats_centre"] == {"deletion": 1.0, "insertion": 1.0}
    assert figures["methods"]["random"]["beats_random"] == {"deletion": 0.0, "insertion": 0.0}
    assert figures["methods"]["centre"]["randomised"] == pytest.approx(1)
    assert figures["methods"]["toy"]["words"]["top_beats_random"] == 1.0
    gap = figures["comparisons"]["centre"]["insertion_minus_deletion"]
    assert gap["interval"][0] <= gap["difference"] <= gap["interval"][1]
    assert gap["difference"] > 0


def test_a_method_that_explains_a_matcher_is_measured_by_the_matcher_s_scores_as_are_its_controls(
    pairs: Pairs,
) -> None:
    matcher = ToyMatcher()
    scores = MatcherScores(matcher, pairs)
    features = matcher.encode_images(pairs.pixels)
    for pair, text in enumerate(pairs.texts):
        np.testing.assert_array_equal(scores.pictures(text, pairs.pixels), matcher.score(text, features))
        np.testing.assert_array_equal(scores.searched([text])[0], matcher.score(text, features))
        assert scores.own[pair] == pair
    subjects = [
        Subject("toy", ToyExplainer(), None),
        Subject("of-matcher", ToyExplainer(), None, matcher),
        Subject("random", RandomMap(), None),
        Subject("centre", CentreMap(), None),
    ]
    figures = evaluate_explanations(pairs, subjects, of_the_set(pairs), default="toy", steps=4, seed=0)
    assert list(figures["methods"]) == ["toy", "of-matcher", "random", "centre"]
    assert figures["methods"]["of-matcher"]["explains"] == matcher.card.name
    raw = {name: of["insertion"]["raw"] for name, of in figures["methods"].items()}
    assert raw["of-matcher"] != pytest.approx(raw["toy"], abs=1e-3)
    assert list(figures["comparisons"]) == ["random", "centre"]


def test_an_encoder_of_patches_is_measured_on_squares_that_fill_its_canvas(
    data: CaptionedImages, tmp_path: Path
) -> None:
    name = f"hf:{save_checkpoint(tmp_path / 'siglip2', 'siglip2')}"
    library = InstalledModels(Execution("torch"))
    encoder = library.encoder(name)
    drawn = draw_pairs(encoder, data, 4, seed=0)
    assert drawn.pixels.shape == (4, 32, 32, 3)  # 4 x 4 patches of 8 pixels
    for pixels, vector in zip(drawn.pixels, drawn.vectors, strict=True):
        np.testing.assert_allclose(encoder.encode_images(encoder.prepare(pixels)[None])[0], vector, atol=1e-5)
    subjects = load_subjects(library, name, ["legrad", "roll-out"], Execution("torch"), 0)
    figures = evaluate_explanations(drawn, subjects, of_the_set(drawn), default="legrad", steps=2, seed=0)
    assert figures["methods"]["roll-out"]["image_montage_4"]["mass"] > 0
    assert abs(figures["methods"]["legrad"]["randomised"]) < 1


def test_a_method_does_not_differ_from_itself(pairs: Pairs) -> None:
    measured = [measure_pair(CentreMap(), pairs, pair, 2, EncoderScores(pairs, pairs.vectors)) for pair in range(2)]
    assert compare(measured, measured, seed=0)["deletion_normalised"] == {"difference": 0.0, "interval": [0.0, 0.0]}


def test_only_the_last_block_and_what_follows_it_are_drawn_anew() -> None:
    tower = LitePair()
    before = {name: value.clone() for name, value in tower.state_dict().items()}
    redraw_last_blocks(tower, seed=0)
    changed = {name for name, value in tower.state_dict().items() if not torch.equal(value, before[name])}
    last = {name: len(backbone.blocks) - 1 for name, backbone in tower.backbones.items()}
    allowed = [f"backbones.{name}.{part}." for name, block in last.items() for part in (f"blocks.{block}", "head")]
    assert changed
    assert all(any(name.startswith(start) for start in allowed) for name in changed)
