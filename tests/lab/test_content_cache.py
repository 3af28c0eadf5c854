"""What models computed is kept by content, and never taken for what it is not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from toy_encoder import ToyEncoder
from toy_library import ToyLibrary
from toy_matcher import ToyMatcher
from typer.testing import CliRunner

import lab.evaluation.content_cache
import models.library
from lab.evaluation.cached_models import CachedEncoder, CachedMatcher
from lab.evaluation.cli import app
from lab.evaluation.content_cache import ContentCache, key_of
from models.types import Pixels, Vectors

WORDS = ["red", "green", "red", "blue"]


class Lengths:
    """Computes a row of each word and notes which words it was asked for."""

    def __init__(self, words: list[str]) -> None:
        self._words, self.asked = words, []

    def __call__(self, places: list[int]) -> NDArray[np.float16]:
        self.asked += [self._words[place] for place in places]
        return np.array([[len(self._words[place]), 0.5] for place in places], np.float16)


def ask(folder: Path, words: list[str], computation: str = "lengths") -> tuple[NDArray[np.float16], list[str]]:
    """Ask as a new process would; return the rows and what had to be computed."""
    compute = Lengths(words)
    return ContentCache(folder).rows(computation, list(map(key_of, words)), compute), compute.asked


def test_equal_contents_are_computed_once_and_kept_for_the_next_process(tmp_path: Path) -> None:
    rows, asked = ask(tmp_path, WORDS)
    assert asked == ["red", "green", "blue"]
    assert rows.tolist() == [[3, 0.5], [5, 0.5], [3, 0.5], [4, 0.5]]
    again, asked = ask(tmp_path, ["blue", "yellow", "red"])
    assert asked == ["yellow"]
    assert (again.tolist(), again.dtype) == ([[4, 0.5], [6, 0.5], [3, 0.5]], np.float16)


def test_another_computation_and_other_code_have_rows_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tmp_path, WORDS)
    assert ask(tmp_path, ["red"], "lengths by other weights")[1] == ["red"]
    monkeypatch.setattr(lab.evaluation.content_cache, "code_digest", lambda: "of another version")
    assert ask(tmp_path, ["red"])[1] == ["red"]


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-3], lambda content: content[:-1] + bytes([content[-1] ^ 1]), lambda _content: b""],
    ids=["cut short", "one bit flipped", "empty"],
)
def test_a_damaged_file_is_removed_and_its_rows_are_computed_again(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    expected, _ = ask(tmp_path, WORDS)
    (file,) = tmp_path.rglob("*.safetensors")
    sound = file.read_bytes()
    file.write_bytes(damage(sound))
    rows, asked = ask(tmp_path, WORDS)
    assert asked == ["red", "green", "blue"]
    np.testing.assert_array_equal(rows, expected)
    assert [left.read_bytes() for left in tmp_path.rglob("*.*")] == [sound]


def test_where_nothing_can_be_written_everything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        rows, asked = ask(tmp_path / "file" / "below", WORDS)
        assert asked == ["red", "green", "blue"]
        assert rows[1].tolist() == [5, 0.5]


def test_arrays_of_equal_bytes_and_other_shapes_are_told_apart() -> None:
    pixels = np.arange(24, dtype=np.uint8)
    assert key_of(pixels.reshape(2, 4, 3)) != key_of(pixels.reshape(4, 2, 3))
    assert key_of(pixels.reshape(2, 4, 3)) == key_of(pixels.reshape(2, 4, 3).copy())


class Counting(ToyEncoder):
    """Notes the sentences that it encoded."""

    def __init__(self, name: str = "toy") -> None:
        super().__init__(name)
        self.texts_encoded: list[str] = []

    def encode_texts(self, texts: list[str]) -> Vectors:
        self.texts_encoded += texts
        return super().encode_texts(texts)


def drawn(count: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def test_a_cached_encoder_gives_the_vectors_of_its_encoder(tmp_path: Path) -> None:
    pixels, texts = drawn(5), ["red", "green", "red"]
    for encoder, images, sentences in ((Counting(), 5, ["red", "green"]), (Counting(), 0, [])):
        cached = CachedEncoder(encoder, ContentCache(tmp_path), "cpu")
        np.testing.assert_array_equal(cached.encode_images(pixels), ToyEncoder().encode_images(pixels))
        np.testing.assert_array_equal(cached.encode_texts(texts), ToyEncoder().encode_texts(texts))
        assert (encoder.images_encoded, encoder.texts_encoded) == (images, sentences)
        assert (cached.encode_images(pixels[:0]).shape, cached.encode_texts([]).shape) == ((0, 4), (0, 4))
    elsewhere = Counting()
    CachedEncoder(elsewhere, ContentCache(tmp_path), "cuda").encode_images(pixels)
    assert elsewhere.images_encoded == 5


def test_a_cached_matcher_gives_the_features_and_scores_of_its_matcher(tmp_path: Path) -> None:
    pixels = drawn(5)
    for matcher, images in ((ToyMatcher(), 5), (ToyMatcher(), 0)):
        cached = CachedMatcher(matcher, ContentCache(tmp_path), "cpu")
        features = cached.encode_images(pixels)
        np.testing.assert_array_equal(features, ToyMatcher().encode_images(pixels))
        np.testing.assert_array_equal(cached.score("red", features), ToyMatcher().score("red", features))
        assert matcher.images_encoded == images


def test_a_second_command_encodes_nothing_and_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoders: list[Counting] = []

    def load(name: str) -> Counting:
        encoders.append(Counting(name))
        return encoders[-1]

    monkeypatch.setattr(models.library, "InstalledModels", lambda *_arguments, **_options: ToyLibrary(load))
    for name, colour in (("red", (255, 0, 0)), ("green", (0, 255, 0)), ("blue", (0, 0, 255))):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    tokens = tmp_path / "token.txt"
    tokens.write_text("red.png#0\tred\ngreen.png#0\tgreen\nblue.png#0\tblue\n")
    options = ["pairwise", "--images", str(tmp_path), "--captions", str(tokens), "--samples", "50"]
    first, second = (CliRunner().invoke(app, options) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert first.output == second.output
    assert [(one.images_encoded, len(one.texts_encoded)) for one in encoders] == [(3, 3), (0, 0)]
