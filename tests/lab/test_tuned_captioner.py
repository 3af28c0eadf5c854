"""What tunes a backbone by writing captions computes what serves, and ships the tuned layers alone."""

import copy

import pytest
import torch
from torch import Tensor

from lab.training.captioned_backbone import Lower, Recipe, TunedCaptioner, start, tuned_names
from models.backbones.captioned import TUNED, TUNED_FROM, CaptionedLite
from models.backbones.frozen import load_backbone
from models.backbones.lite_pair import INPUT
from models.text.word_vectors import load_word_vectors


@pytest.fixture(scope="module")
def network() -> TunedCaptioner:
    torch.manual_seed(0)
    network = start(len(load_word_vectors().vocabulary), Recipe()).eval()
    with torch.no_grad():
        for parameter in network.tuned():
            parameter += 0.01 * parameter.std() * torch.randn_like(parameter)
    return network


@pytest.fixture
def pixels() -> Tensor:
    return torch.randint(0, 256, (2, INPUT.size, INPUT.size, 3), dtype=torch.uint8, generator=torch.manual_seed(1))


@torch.no_grad()
def test_its_features_are_those_of_the_backbone_that_serves(network: TunedCaptioner, pixels: Tensor) -> None:
    pair = load_backbone()
    tuned = copy.deepcopy(pair.backbones[TUNED])
    names = tuned_names(network.state_dict())
    layers = {name: network.state_dict()[f"backbone.{name}"] for name in names}
    tuned.load_state_dict(tuned.state_dict() | layers)
    served = CaptionedLite(pair, tuned)(pixels).mean(dim=(2, 3))  # type: ignore[arg-type]
    trained = network.features(Lower(pair)(pixels))
    assert (trained - served).norm() < 0.02 * served.norm()


def test_only_layers_from_the_first_tuned_one_on_ship(network: TunedCaptioner) -> None:
    names = tuned_names(network.state_dict())
    blocks = {int(name.split(".")[1]) for name in names if name.startswith("blocks.")}
    assert blocks == set(range(TUNED_FROM, len(network.backbone.blocks)))
    assert any(name.startswith("head.") for name in names)
    assert {name.split(".")[0] for name in names} == {"blocks", "head"}
    learned = {name for name, _ in network.backbone.named_parameters()}
    tuned = {id(parameter) for parameter in network.tuned()}
    assert {id(network.backbone.get_parameter(name)) for name in learned & set(names)} == tuned
