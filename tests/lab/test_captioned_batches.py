"""How captioned photographs are drawn for training."""

from pathlib import Path

import numpy as np

from lab.data.captioned import CaptionedImages
from lab.training.captioned_batches import CaptionedRows


def _set(name: str, captions: list[int]) -> CaptionedImages:
    files = tuple(Path(f"{name}{image}.jpg") for image in range(len(captions)))
    texts = tuple(tuple(f"{name}{image} {turn}" for turn in range(count)) for image, count in enumerate(captions))
    return CaptionedImages(name, files, texts)


def _rows() -> CaptionedRows:
    """Two sets of 7 and 5 images; the features tell image and view."""
    views = [np.stack([np.arange(12), np.full(12, view)], axis=1).astype(np.float16) for view in range(3)]
    return CaptionedRows(views, [_set("a", [3, 1, 2, 5, 5, 1, 2]), _set("b", [2, 2, 2, 2, 2])])


def test_a_pass_shows_each_image_once_and_a_batch_is_of_one_set() -> None:
    rows = _rows()
    batches = list(rows.batches(2, 1, seed=0))
    assert len(batches) == rows.steps(2) == 3 + 2
    seen = np.concatenate([batch.images for batch in batches])
    assert len(set(seen.tolist())) == len(seen)
    for batch in batches:
        assert (batch.images < 7).all() or (batch.images >= 7).all()


def test_rows_and_captions_are_the_images_own() -> None:
    rows = _rows()
    for batch in rows.batches(2, 2, seed=1):
        np.testing.assert_array_equal(batch.rows[:, 0].numpy(), batch.images)
        assert set(batch.rows[:, 1].tolist()) <= {0.0, 1.0, 2.0}
        for turn in batch.captions:
            assert [rows.image_of_caption[caption] for caption in turn] == batch.images.tolist()


def test_two_captions_of_an_image_differ_where_it_has_two() -> None:
    rows = _rows()
    counts = np.bincount(rows.image_of_caption)
    for batch in rows.batches(2, 2, seed=2):
        for image, (first, second) in zip(batch.images, batch.captions.T, strict=True):
            assert (first != second) == (counts[image] > 1)


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (list(_rows().batches(2, 2, seed=seed)) for seed in (5, 5, 6))
    assert all((a.rows == b.rows).all() and (a.captions == b.captions).all() for a, b in zip(first, again, strict=True))
    assert any((a.images != b.images).any() for a, b in zip(first, other, strict=True))
