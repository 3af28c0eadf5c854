"""Packed photographs come back as they were, but for what WebP loses."""

from pathlib import Path

import numpy as np
from demo_set import read_demo_set
from PIL import Image

from lab.data.captioned import CaptionedImages
from lab.training.packed import SIZE, pack, unpack


def _cut(data: CaptionedImages, at: int) -> list[CaptionedImages]:
    return [
        CaptionedImages("one", data.files[:at], data.captions[:at]),
        CaptionedImages("two", data.files[at:], data.captions[at:]),
    ]


def test_pictures_and_captions_come_back_in_their_order(tmp_path: Path) -> None:
    demo = read_demo_set(tmp_path, 7)
    sets = [
        CaptionedImages("one", demo.files[:4], demo.captions[:4]),
        CaptionedImages("two", demo.files[4:], demo.captions[4:]),
    ]
    pack(sets, tmp_path / "packed.safetensors")
    assert (tmp_path / "packed.safetensors").stat().st_size < 7 * 20_000
    pixels, read = unpack(tmp_path / "packed.safetensors")
    assert [(data.name, data.captions) for data in read] == [(data.name, data.captions) for data in sets]
    assert pixels.shape == (7, SIZE, SIZE, 3)
    for row, path in enumerate(demo.files):
        squashed = np.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        assert np.abs(pixels[row].astype(int) - squashed).mean() < 12


def test_a_limit_is_of_each_set(tmp_path: Path) -> None:
    demo = read_demo_set(tmp_path, 5)
    sets = [
        CaptionedImages("one", demo.files[:3], demo.captions[:3]),
        CaptionedImages("two", demo.files[3:], demo.captions[3:]),
    ]
    pack(sets, tmp_path / "packed.safetensors")
    whole, _ = unpack(tmp_path / "packed.safetensors")
    pixels, read = unpack(tmp_path / "packed.safetensors", limit=2)
    assert [len(data) for data in read] == [2, 2]
    np.testing.assert_array_equal(pixels, whole[[0, 1, 3, 4]])
