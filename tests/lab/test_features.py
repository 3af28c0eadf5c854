"""Frozen features are computed once, survive a kill, and follow the extractor's identity."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lab.training import features
from lab.training.features import cached_features
from models.cards import Preprocessing

_PREPROCESSING = Preprocessing(4, "squash", "bilinear", (0, 0, 0), (1, 1, 1))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "set" / "images"
    folder.mkdir(parents=True)
    for i in range(10):
        pixels = np.zeros((4, 4, 3), np.uint8)
        pixels[:, 0] = i * 10
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return sorted(folder.iterdir())


class _LeftColumn:
    def __init__(self, fail_after: int | None = None) -> None:
        self.seen, self._fail_after = 0, fail_after

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        self.seen += len(pixels)
        if self._fail_after is not None and self.seen > self._fail_after:
            raise KeyboardInterrupt
        return pixels[:, 0, 0, :1].astype(np.float32)


def _run(files: list[Path], extract: _LeftColumn, cache: Path, **options: object) -> np.ndarray:
    return cached_features(files, _PREPROCESSING, extract, identity="left", cache=cache, **options)  # type: ignore[arg-type]


def test_features_come_in_the_order_of_the_files_and_are_computed_once(files: list[Path], tmp_path: Path) -> None:
    first, second = _LeftColumn(), _LeftColumn()
    expected = np.arange(10)[:, None] * 10
    np.testing.assert_array_equal(_run(files, first, tmp_path / "cache"), expected)
    np.testing.assert_array_equal(_run(files, second, tmp_path / "cache"), expected)
    assert (first.seen, second.seen) == (10, 0)


def test_mirror_images_are_another_cache(files: list[Path], tmp_path: Path) -> None:
    _run(files, _LeftColumn(), tmp_path / "cache")
    assert (_run(files, _LeftColumn(), tmp_path / "cache", view=1) == 0).all()


def test_a_killed_run_goes_on_where_it_stopped(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_CHUNK", 3)
    with pytest.raises(KeyboardInterrupt):
        _run(files, _LeftColumn(fail_after=7), tmp_path / "cache")
    again = _LeftColumn()
    np.testing.assert_array_equal(_run(files, again, tmp_path / "cache")[:, 0], np.arange(10) * 10)
    assert again.seen == 4


def test_a_device_draws_its_own_random_views_of_the_same_photographs(files: list[Path], tmp_path: Path) -> None:
    class _All(_LeftColumn):
        def __call__(self, pixels: np.ndarray) -> np.ndarray:
            self.seen += len(pixels)
            return pixels.reshape(len(pixels), -1).astype(np.float32)

    def run(cache: str, device: str, view: int) -> np.ndarray:
        return _run(files, _All(), tmp_path / cache, device=device, view=view)

    for view in (0, 1):  # the whole and its mirror image
        np.testing.assert_array_equal(run("a", "cpu:0", view), run("b", "cpu", view))
    drawn = run("a", "cpu:0", 2)
    np.testing.assert_array_equal(drawn, run("c", "cpu:0", 2))
    assert not np.array_equal(drawn, run("c", "cpu:0", 3))
    assert not np.array_equal(drawn, run("a", "cpu", 2))
