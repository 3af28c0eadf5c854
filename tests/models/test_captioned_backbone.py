"""The limited text space fuses vectors of different networks: of those for classes, and of one that writes captions."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.backbones.captioned import CAPTIONED_LITE, CaptionedBesideImageNet, CaptionedLite, load_captioned
from models.backbones.efficientnet_lite import CHANNELS
from models.backbones.frozen import IMAGENET_LITE, load_backbone
from models.backbones.lite_pair import FEATURES, INPUT
from models.encoders.limited_text_space_module import load_image_backbone, load_space
from models.errors import CheckpointError
from models.shipped import encoder_card, part_card, weights_folder

LITE2 = slice(FEATURES - CHANNELS, FEATURES)


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.randint(0, 256, (2, INPUT.size, INPUT.size, 3), dtype=torch.uint8, generator=torch.manual_seed(0))


@torch.no_grad()
def test_beside_the_frozen_pair_stands_the_tuned_network_s_own_map(pixels: Tensor) -> None:
    both = load_captioned(beside_imagenet=True)(pixels)
    torch.testing.assert_close(both[:, :FEATURES], load_backbone()(pixels), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(both[:, FEATURES:], load_captioned()(pixels), atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_tuning_made_another_network_of_it(pixels: Tensor) -> None:
    maps = load_captioned(beside_imagenet=True)(pixels)
    tuned, before = (part.mean(dim=(2, 3)) for part in (maps[:, FEATURES:], maps[:, LITE2]))
    assert (tuned - before).norm() > 0.3 * before.norm()


@pytest.mark.parametrize("load", [lambda: load_captioned("0" * 64), lambda: load_captioned(None, "0" * 64)])
def test_other_weights_than_a_model_was_trained_over_are_refused(load: Callable[[], object]) -> None:
    with pytest.raises(CheckpointError):
        load()


@pytest.mark.parametrize(
    ("name", "kind", "networks"),
    [
        ("vse", None, [IMAGENET_LITE]),
        ("limited-text-space-single", CaptionedLite, [CAPTIONED_LITE]),
        ("limited-text-space", CaptionedBesideImageNet, [IMAGENET_LITE, CAPTIONED_LITE]),
    ],
)
def test_each_member_that_ships_reads_the_networks_of_its_equation(
    name: str, kind: type | None, networks: list[str]
) -> None:
    card = encoder_card(name)
    space = load_space(card, weights_folder(name))
    backbone = load_image_backbone(card, space)
    assert type(backbone) is (kind or type(load_backbone()))
    assert {card.parts[each] for each in networks} == {part_card(each).weights_sha256 for each in networks}
    matrix = space.image.map.weight
    assert matrix.shape[1] == backbone.channels
    assert all(part.abs().sum() > 0 for part in matrix.split(CHANNELS, dim=1))
