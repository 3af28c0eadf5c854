"""A hook lives as long as its block."""

import pytest
import torch
from torch import nn

from models.encoders.hooks import replaced_input


def test_no_hook_survives_success_or_failure() -> None:
    layer = nn.Linear(2, 2)
    with replaced_input(layer, lambda x: x * 0):
        torch.testing.assert_close(layer(torch.ones(1, 2)), layer.bias[None])
    assert not layer._forward_pre_hooks
    with pytest.raises(ZeroDivisionError), replaced_input(layer, lambda x: x):
        raise ZeroDivisionError
    assert not layer._forward_pre_hooks
