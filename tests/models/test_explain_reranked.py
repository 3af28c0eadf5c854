"""What a matcher adds to a re-ranked score, of pictures of four colours that are computed by hand."""

import numpy as np
import pytest
from toy_encoder import WORDS, ToyEncoder
from toy_match import EVERYWHERE, toy_match
from toy_matcher import NAME, WEIGHT, ToyMatcher

from models.composition import Term
from models.evidence import Evidence, EvidenceMap
from models.explain.breakdown import breakdown
from models.explain.reranked import with_matcher
from models.explain.words import word_saliency
from models.protocols import Match, Matcher
from models.types import Features

LABEL = f"rerank: {NAME}"
RED_LEFT = np.array([WORDS["red"], WORDS["blue"], WORDS["red"], WORDS["blue"]], np.float16)
"""The quarters of a picture that is red on the left and blue on the right."""


class Overall:
    """A matcher that tells no places: the toy matcher's scores alone."""

    def __init__(self) -> None:
        self._matcher = ToyMatcher()
        self.card = self._matcher.card
        self.prepare, self.encode_images = self._matcher.prepare, self._matcher.encode_images
        self.score, self.score_pairs = self._matcher.score, self._matcher.score_pairs


def match_of(*terms: str, matcher: Matcher | None = None, features: Features = RED_LEFT) -> Match:
    encode = ToyEncoder().encode_texts
    parts = [Term(text, encode([text])[0], 1.0, text) for text in terms]
    return toy_match(parts, encode(["magenta"])[0], None, encode, matcher, {NAME: features})


def evidence(match: Match, *maps: EvidenceMap, scale: float = 0.1, baseline: float | None = None) -> Evidence:
    found = maps or (EvidenceMap(np.full((4, 4), 0.01, np.float32), EVERYWHERE),)
    return Evidence(found, scale, word_saliency(match), breakdown(match), baseline)


def test_where_nothing_re_ranked_the_evidence_is_as_it_was() -> None:
    match = match_of("red")
    plain = evidence(match)
    assert with_matcher(plain, match) is plain


def test_each_region_has_what_was_found_in_it_and_the_map_adds_up_to_the_share() -> None:
    match = match_of("red blue", matcher=ToyMatcher())
    found = with_matcher(evidence(match), match)
    (of_matcher,) = (one for one in found.maps if one.term == LABEL)
    np.testing.assert_allclose(of_matcher.values, [[WEIGHT / 2, WEIGHT / 2], [0, 0]], atol=1e-6)
    assert of_matcher.values.sum() == pytest.approx(dict(found.contributions)[LABEL], abs=1e-6)


def test_the_whole_map_is_that_of_the_vectors_and_that_of_the_matcher_and_both_are_there() -> None:
    match = match_of("red blue", matcher=ToyMatcher())
    found = with_matcher(evidence(match), match)
    assert [one.term for one in found.maps] == [None, "red blue", LABEL]
    upper = 0.01 + WEIGHT / 2 / 4  # a quarter is four places
    np.testing.assert_allclose(found.whole().values, [[upper] * 4] * 2 + [[0.01] * 4] * 2, atol=1e-6)
    assert found.scale == pytest.approx(max(0.1, upper))


def test_maps_of_several_terms_are_kept_as_they_are() -> None:
    match = match_of("red", "blue", matcher=ToyMatcher())
    cells = np.full((2, 2), 0.25, np.float32)
    maps = [EvidenceMap(cells * 2, EVERYWHERE), *(EvidenceMap(cells, EVERYWHERE, term=one) for one in ("red", "blue"))]
    found = with_matcher(evidence(match, *maps), match)
    assert [one.term for one in found.maps] == [None, "red", "blue", LABEL]
    np.testing.assert_allclose(found.whole().values, sum(one.values for one in found.maps[1:]), atol=1e-6)


def test_what_the_map_leads_to_is_the_re_ranked_score() -> None:
    match = match_of("red", matcher=ToyMatcher())
    plain = evidence(match)
    baseline = dict(plain.contributions)["red"] - float(plain.whole().values.sum())
    found = with_matcher(evidence(match, baseline=baseline), match)
    assert found.rest == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("matcher", [ToyMatcher(), Overall()], ids=["regions", "overall"])
def test_the_matcher_has_words_of_its_own_beside_those_of_the_vectors(matcher: Matcher) -> None:
    """Of a red picture: "red blue" is found at 1/2, "blue" at 0 and "red" at 1."""
    red = np.array([WORDS["red"]] * 4, np.float16)
    match, plain = match_of("red blue", matcher=matcher, features=red), match_of("red blue", features=red)
    of_vectors, of_matcher = with_matcher(evidence(match), match).words
    assert (of_vectors,) == word_saliency(plain)
    assert of_matcher.label == LABEL
    np.testing.assert_allclose([word.value for word in of_matcher.words], [WEIGHT * 0.5, WEIGHT * -0.5], atol=1e-6)
    assert of_matcher.together == pytest.approx(WEIGHT * 0.5)


def test_a_word_has_a_map_that_adds_up_to_what_it_is_worth() -> None:
    match = match_of("red blue", matcher=ToyMatcher())
    *_, of_matcher = with_matcher(evidence(match), match).words
    for word in of_matcher.words:
        assert word.values is not None
        assert word.values.sum() == pytest.approx(word.value, abs=1e-6)
    red = of_matcher.words[0].values
    np.testing.assert_allclose(red, [[WEIGHT / 2, -WEIGHT / 2], [0, 0]], atol=1e-6)  # "blue" alone would score 1 there


def test_the_only_word_is_worth_all_of_the_matcher_s_score() -> None:
    match = match_of("red", matcher=ToyMatcher())
    *_, of_matcher = with_matcher(evidence(match), match).words
    assert (of_matcher.words[0].value, of_matcher.together) == (pytest.approx(WEIGHT), pytest.approx(0))


def test_the_share_of_a_matcher_that_tells_no_places_has_none() -> None:
    match = match_of("red", matcher=Overall())
    plain = evidence(match, baseline=0.1)
    found = with_matcher(plain, match)
    assert found.maps == plain.maps
    assert found.unplaced == dict(found.contributions)[LABEL]
    assert found.rest == pytest.approx(plain.score - found.unplaced - 0.1 - 0.16, abs=1e-6)


def test_a_method_that_explains_the_matcher_itself_is_left_to_it() -> None:
    match = match_of("red", matcher=ToyMatcher())
    cells = np.full((2, 2), 0.1, np.float32)
    maps = (EvidenceMap(cells, EVERYWHERE), EvidenceMap(cells, EVERYWHERE, term=LABEL))
    found = with_matcher(evidence(match, *maps), match)
    assert (found.maps, found.unplaced) == (maps, 0)
    assert found.words[-1].label == LABEL
