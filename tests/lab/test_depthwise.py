"""Depthwise convolutions that train faster have the gradients of the plain ones."""

import copy

import pytest
import torch
from torch import Tensor, nn

from lab.training.depthwise import quicken_depthwise
from models.backbones.efficientnet_lite import EfficientNetLite
from models.inference.compiler import compile_module


def _gradients(blocks: nn.Module, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = blocks(x)
    y.float().square().sum().backward()
    assert x.grad is not None
    return [x.grad, *(parameter.grad for parameter in blocks.parameters() if parameter.grad is not None)]


@pytest.mark.parametrize("side", [7, 8])
def test_gradients_are_those_of_plain_convolutions(side: int) -> None:
    torch.manual_seed(0)
    blocks = EfficientNetLite("lite0").blocks[11:].eval()  # 5 x 5 with strides 2 and 1, and 3 x 3
    quick = copy.deepcopy(blocks)
    quicken_depthwise(quick)
    assert [type(module) for module in quick.modules()] != [type(module) for module in blocks.modules()]
    x = torch.randn(4, 112, side, side).to(memory_format=torch.channels_last)
    for plain, own in zip(_gradients(blocks, x), _gradients(quick, x), strict=True):
        assert torch.cosine_similarity(plain.flatten(), own.flatten(), dim=0) > 0.999
        torch.testing.assert_close(own.norm(), plain.norm(), rtol=0.01, atol=0)


def test_it_compiles_as_the_plain_convolution() -> None:
    blocks = EfficientNetLite("lite0").blocks[12:].eval()
    quick = copy.deepcopy(blocks)
    quicken_depthwise(quick)
    x = torch.randn(2, 192, 7, 7)
    with torch.no_grad():
        assert torch.equal(blocks(x), quick(x))
    plain, own = (compile_module(module, [x], [(0,)])(x.numpy()) for module in (blocks, quick))
    assert (plain == own).all()
