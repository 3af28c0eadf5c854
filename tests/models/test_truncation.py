"""A JPEG that lacks its last bytes is decoded, one that lacks more is not."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_images import encoded
from PIL import Image

from models.errors import ImageError
from models.imaging.decode import decode_image
from models.imaging.jpeg_file import EOI
from models.imaging.truncation import missing_share

KINDS = [
    {},
    {"progressive": True},
    {"progressive": True, "quality": 95},
    {"subsampling": 0},
    {"restart_marker_rows": 1},
]


def _scenery(width: int = 400, height: int = 300) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    colours = np.stack([128 + 90 * np.sin(x / 37 + y / 91), 128 + 90 * np.cos(y / 53), x * 255 / width], -1)
    return Image.fromarray(
        (colours + np.random.default_rng(0).normal(0, 12, colours.shape)).clip(0, 255).astype(np.uint8)
    )


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_its_last_bytes_may_be_missing(options: dict[str, object]) -> None:
    whole = encoded(_scenery(), "JPEG", **options)
    expected = decode_image(whole)
    assert expected.remark is None
    for content in (whole[:-2], whole[:-1], whole[: len(whole) * 98 // 100]):
        photograph = decode_image(content)
        assert photograph.remark == "its last bytes are missing"
        rows = 300 * 9 // 10
        difference = np.abs(photograph.pixels[:rows].astype(int) - expected.pixels[:rows])
        assert difference.mean() < 1.5
    np.testing.assert_array_equal(decode_image(whole[:-2]).pixels, expected.pixels)


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_half_of_it_may_not_be_missing(options: dict[str, object]) -> None:
    whole = encoded(_scenery(), "JPEG", **options)
    for share in (0.75, 0.5, 0.25):
        with pytest.raises(ImageError, match="truncated"):
            decode_image(whole[: int(len(whole) * share)], shrink_to=100)


def test_the_missing_share_is_that_of_the_bytes() -> None:
    whole = encoded(_scenery(800, 600), "JPEG")
    for missing in (0.0, 0.02, 0.1, 0.3, 0.6):
        cut = whole[:-2] if missing == 0 else whole[: int(len(whole) * (1 - missing))]
        assert missing_share(cut) == pytest.approx(missing, abs=0.02)


def test_every_length_gives_a_picture_or_an_image_error() -> None:
    whole = encoded(_scenery(48, 32), "JPEG")
    assert whole.endswith(EOI)
    outcomes = []
    for length in range(len(whole)):
        try:
            outcomes.append(decode_image(whole[:length]).remark is not None)
        except ImageError:
            outcomes.append(False)
    assert outcomes[-1]
    assert not any(outcomes[: len(whole) // 2])
