"""What has been encoded is kept by what made it: another model, other weights or preprocessing start anew."""

from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from toy_encoder import ToyEncoder
from toy_matcher import toy_card

from indexer.ingest.encoded_vectors import EncodedVectors
from models.errors import ModelError

ENCODER, MATCHER = ToyEncoder().card, toy_card()
KEYS = [sha256(b"%d" % number).digest() for number in range(4)]
VECTORS = ToyEncoder().encode_texts(["red", "green", "blue", "white"])
FEATURES = np.arange(48, dtype=np.float32).reshape(4, 4, 3)


@pytest.fixture
def encoded(tmp_path):
    opened = EncodedVectors(tmp_path, [ENCODER, MATCHER])
    yield opened
    opened.close()


def kept(encoded: EncodedVectors, model: str, side: str, keys: list[bytes]) -> np.ndarray:
    return np.concatenate(list(encoded.log(model, side).rows(keys)))


def test_each_model_and_side_has_its_own_rows(encoded):
    encoded.append("toy", "image", KEYS[:2], VECTORS[:2])
    encoded.append("toy", "text", KEYS[:2], VECTORS[2:])
    encoded.append("toy-matcher", "image", KEYS[:2], FEATURES[:2])
    np.testing.assert_array_equal(kept(encoded, "toy", "image", KEYS[1::-1]), VECTORS[1::-1])
    np.testing.assert_array_equal(kept(encoded, "toy", "text", KEYS[:2]), VECTORS[2:])
    features = kept(encoded, "toy-matcher", "image", KEYS[:2])
    np.testing.assert_array_equal(features, FEATURES[:2])
    assert features.dtype == np.float16
    with pytest.raises(KeyError):
        encoded.log("toy-matcher", "text")


def test_models_that_have_not_encoded_a_key_are_named(encoded):
    encoded.append("toy", "image", KEYS[:1], VECTORS[:1])
    assert encoded.lacking("image", KEYS[0]) == ["toy-matcher"]
    assert encoded.lacking("image", KEYS[1]) == ["toy", "toy-matcher"]
    assert encoded.lacking("text", KEYS[0]) == ["toy"]  # a matcher has no text side


def test_compacting_sweeps_the_logs_of_other_models_and_what_killed_compactions_left_of_them(encoded, tmp_path):
    mine = {path.name for path in tmp_path.iterdir()}
    for name in ("other.image.0000.vectors", "other.image.0000.compacting", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    encoded.compact({"image": [], "text": []})
    assert {path.name for path in tmp_path.iterdir()} == {*mine, "notes.txt"}


def test_where_a_log_cannot_be_opened_none_stays_open(tmp_path):
    with closing(EncodedVectors(tmp_path, [ENCODER])):
        text = next(tmp_path.glob("toy.text.*"))
    text.unlink()
    text.mkdir()  # the image side is opened before it
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(IsADirectoryError):
        EncodedVectors(tmp_path, [ENCODER])
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_what_is_there_already_is_not_written_again(encoded):
    encoded.append("toy", "image", KEYS[:2], VECTORS[:2])
    encoded.append("toy", "image", KEYS[1:4], VECTORS[1:4] * 0)
    assert len(encoded.log("toy", "image")) == 4
    np.testing.assert_array_equal(kept(encoded, "toy", "image", KEYS), [*VECTORS[:2], *VECTORS[2:] * 0])


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        ("toy", VECTORS[:1]),
        ("toy", VECTORS[:2, :3]),
        ("toy", VECTORS[:2] * np.nan),
        ("toy", VECTORS[:2] + np.inf),
        ("toy-matcher", FEATURES[:2] * 1e6),  # more than float16 holds
        ("toy-matcher", FEATURES[:2].reshape(2, 12)),
    ],
)
def test_rows_of_another_form_or_not_finite_are_refused(encoded, model, rows):
    shape = "4" if model == "toy" else "4, 3"
    with pytest.raises(ModelError, match=rf"model {model} gave \({len(rows)}, .* instead of \(2, {shape}\)"):
        encoded.append(model, "image", KEYS[:2], rows)
    assert len(encoded.log(model, "image")) == 0


def test_what_was_encoded_is_there_when_it_is_opened_again(tmp_path):
    for turn in range(2):
        encoded = EncodedVectors(tmp_path, [MATCHER, ENCODER])
        assert ("toy" in encoded.lacking("image", KEYS[0])) == (turn == 0)
        encoded.append("toy", "image", KEYS[:1], VECTORS[:1])
        encoded.close()


@pytest.mark.parametrize(
    ("changed", "sides"),
    [
        (replace(ENCODER, weights_sha256="1" * 64), {"image", "text"}),
        (replace(ENCODER, name="other"), {"image", "text"}),
        (replace(ENCODER, preprocessing=replace(ENCODER.preprocessing, size=9)), {"image"}),  # texts have no pixels
        (replace(ENCODER, text_form=1), {"text"}),  # and images no words
        (replace(ENCODER, description="told otherwise"), set()),
    ],
)
def test_a_log_is_of_what_made_its_rows(tmp_path, changed, sides):
    encoded = EncodedVectors(tmp_path, [ENCODER])
    for side in ("image", "text"):
        encoded.append("toy", side, KEYS[:1], VECTORS[:1])
    encoded.close()
    encoded = EncodedVectors(tmp_path, [changed])
    assert {side for side in ("image", "text") if encoded.lacking(side, KEYS[0])} == sides
    encoded.close()


def test_names_of_logs_never_change(encoded, tmp_path):
    """They would be encoded again otherwise: name, side, and a digest of weights, size and preprocessing."""
    digest = ENCODER.preprocessing.digest
    identities = {
        "toy.image": f"{'0' * 64} 4 {digest}",
        "toy.text": f"{'0' * 64} 4 ",
        "toy-matcher.image": f"{'a' * 64} (4, 3) {digest}",
    }
    expected = {f"{stem}.{sha256(made_by.encode()).hexdigest()[:16]}.vectors" for stem, made_by in identities.items()}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_compacting_drops_rows_and_logs_that_are_no_longer_used(tmp_path):
    encoded = EncodedVectors(tmp_path, [ENCODER, MATCHER])
    for model, side, rows in (("toy", "image", VECTORS), ("toy", "text", VECTORS), ("toy-matcher", "image", FEATURES)):
        encoded.append(model, side, KEYS, rows)
    encoded.close()
    (tmp_path / "notes.txt").touch()
    encoded = EncodedVectors(tmp_path, [ENCODER])
    encoded.compact({"image": KEYS[1:], "text": KEYS[:1]})
    assert [len(encoded.log("toy", side)) for side in ("image", "text")] == [3, 1]
    np.testing.assert_array_equal(kept(encoded, "toy", "image", KEYS[1:]), VECTORS[1:])
    encoded.close()
    assert sorted(path.name.split(".")[:2] for path in tmp_path.iterdir()) == [
        ["notes", "txt"],
        ["toy", "image"],
        ["toy", "text"],
    ]


def test_a_closed_log_takes_no_rows(encoded):
    encoded.close()
    with pytest.raises(ValueError, match="closed"):
        encoded.append("toy", "text", KEYS[:1], VECTORS[:1])
