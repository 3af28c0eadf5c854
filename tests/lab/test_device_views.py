"""Views that are made on the device: parts of the photograph, in its own colours."""

import pytest
import torch

import lab.training.device_views
from lab.training.device_views import random_views


def _gradient() -> torch.Tensor:
    """Two photographs whose red tells the column and green the row."""
    across = torch.arange(32).expand(32, 32) * 8
    return torch.stack([across, across.T, torch.full_like(across, 100)], dim=2).to(torch.uint8).repeat(2, 1, 1, 1)


def test_a_view_of_everything_in_its_own_light_is_the_photograph_or_its_mirror_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_AREA", "_ASPECT", "_LIGHT"):
        monkeypatch.setattr(lab.training.device_views, name, (1.0, 1.0))
    torch.manual_seed(0)
    pixels, found = _gradient(), set()
    for _ in range(10):
        for view, whole in zip(random_views(pixels, 32), pixels, strict=True):
            mirrored = bool(view[0, 0, 0] > view[0, -1, 0])
            torch.testing.assert_close(view, whole.flip(1) if mirrored else whole, atol=1, rtol=0)
            found.add(mirrored)
    assert found == {True, False}


def test_crops_are_of_35_to_100_percent_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.training.device_views, "_LIGHT", (1.0, 1.0))
    torch.manual_seed(0)
    views = random_views(_gradient().repeat(50, 1, 1, 1), 32).float()
    width = (views[..., 0].amax(dim=(1, 2)) - views[..., 0].amin(dim=(1, 2))) / (31 * 8)
    height = (views[..., 1].amax(dim=(1, 2)) - views[..., 1].amin(dim=(1, 2))) / (31 * 8)
    area = width * height
    assert 0.28 < area.min() < 0.5 < 0.85 < area.max() <= 1.01
    assert (views[..., 2] == 100).all()  # nothing beside the photograph is in a view


def test_light_changes_and_a_grey_picture_stays_grey() -> None:
    torch.manual_seed(0)
    views = random_views(torch.full((20, 8, 8, 3), 120, dtype=torch.uint8), 8).int()
    assert (views.amax(dim=3) - views.amin(dim=3)).max() <= 1
    assert views[:, 0, 0, 0].unique().numel() > 5
