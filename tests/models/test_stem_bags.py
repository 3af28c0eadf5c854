"""The tf-idf that ships is StemTfidf's, without scikit-learn."""

import numpy as np

from lab.evaluation.tfidf import StemTfidf
from models.text.stem_bags import StemBags, fit_stem_bags

SET = [
    ["Two dogs are running on the beach .", "A dog runs"],
    ["A girl is climbing stairs", "the girl climbs"],
    ["A man and his dog on a bench"],
    ["of the"],
]


def test_bags_equal_the_vectoriser() -> None:
    reference = StemTfidf().fit(SET)
    bags = StemBags(*fit_stem_bags(SET, at_least=1))
    documents = [*SET, ["dogs and dogs, girls; unheard-of zebras"]]
    assert fit_stem_bags(SET, 1)[0] == reference.vocabulary
    np.testing.assert_allclose(bags(documents), reference.transform(documents).toarray(), atol=1e-6)


def test_rare_stems_are_left_out_counted_by_occurrence() -> None:
    assert fit_stem_bags(SET, at_least=2)[0] == ["climb", "dog", "girl", "run"]


def test_idf_counts_every_document_once() -> None:
    vocabulary, idf = fit_stem_bags(SET, at_least=2)
    dog = idf[vocabulary.index("dog")]
    np.testing.assert_allclose(dog, np.log(5 / 3) + 1, rtol=1e-6)  # in 2 of 4 documents, 3 times


def test_a_document_without_a_known_stem_is_zero() -> None:
    bags = StemBags(["dog"], np.ones(1, np.float32))
    assert bags([["zebra"], ["dog"]]).tolist() == [[0], [1]]
