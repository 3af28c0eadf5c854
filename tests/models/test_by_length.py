"""A sentence's vector depends on no other sentence of its batch."""

import numpy as np
import pytest

from models.inference.cache_folder import cache_folder
from models.inference.execution import Execution
from models.library import InstalledModels
from models.text.by_length import ByLength

SENTENCES = [
    "a dog",
    "two men play football in the rain while a crowd of people with umbrellas looks on",
    "red",
    "a cat sleeps on a red sofa",
    "a dog runs",
    "a horse runs",
    "",
]


def test_sentences_of_one_length_run_together_and_none_is_padded() -> None:
    seen = []

    def network(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        seen.append((ids.tolist(), mask.min()))
        return np.stack([ids.sum(axis=1), ids.max(axis=1)], axis=1).astype(np.float32)

    ids = np.array([[5, 6, 0], [7, 8, 9], [1, 2, 0], [4, 0, 0]])
    outputs = ByLength(network, 2)(ids, (ids > 0).astype(np.int64))
    assert outputs.tolist() == [[11, 6], [24, 9], [3, 2], [4, 4]]
    assert seen == [([[4]], 1), ([[5, 6], [1, 2]], 1), ([[7, 8, 9]], 1)]
    assert ByLength(network, 2)(ids[:0], ids[:0]).shape == (0, 2)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize("name", ["semblance-base", "linear-mapping"])
def test_company_changes_no_vector(runtime: str, name: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    encoder = InstalledModels(Execution(runtime), cache_folder()).encoder(name)  # type: ignore[arg-type]
    alone = np.concatenate([encoder.encode_texts([sentence]) for sentence in SENTENCES])
    together = encoder.encode_texts(SENTENCES * 9)
    np.testing.assert_allclose(together, np.tile(alone, (9, 1)), atol=1e-6)
