"""A vector depends on nothing else in its batch."""

import numpy as np
import pytest

from models.inference.cache_folder import cache_folder
from models.inference.execution import Execution
from models.library import InstalledModels
from models.text.by_length import STEP, ByLength

SENTENCES = [
    "a dog",
    "two men play football in the rain while a crowd of people with umbrellas looks on",
    "red",
    "a cat sleeps on a red sofa",
    "a dog runs",
    "a horse runs",
    "",
]


def test_sentences_of_one_padded_length_run_together() -> None:
    seen = []

    def network(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        seen.append((ids.shape, mask.sum(axis=1).tolist()))
        return np.stack([ids.sum(axis=1), ids.max(axis=1)], axis=1).astype(np.float32)

    lengths = np.array([3, STEP, STEP + 1, 1, 2 * STEP, STEP + 2])
    ids = np.array([[length] * length + [0] * (2 * STEP - length) for length in lengths])
    outputs = ByLength(network, 2)(ids, (ids > 0).astype(np.int64))
    assert outputs.tolist() == [[length * length, length] for length in lengths]
    assert seen == [((3, STEP), [3, STEP, 1]), ((3, 2 * STEP), [STEP + 1, 2 * STEP, STEP + 2])]
    assert ByLength(network, 2)(ids[:0], ids[:0]).shape == (0, 2)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize("name", ["semblance-base", "linear-mapping"])
def test_company_changes_no_vector(runtime: str, name: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    encoder = InstalledModels(Execution(runtime), cache_folder()).encoder(name)  # type: ignore[arg-type]
    alone = np.concatenate([encoder.encode_texts([sentence]) for sentence in SENTENCES])
    together = encoder.encode_texts(SENTENCES * 9)
    tolerance = 0 if runtime == "openvino" else 1e-6  # torch's products round by the number of their rows
    np.testing.assert_allclose(together, np.tile(alone, (9, 1)), rtol=0, atol=tolerance)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_company_changes_no_image_s_vector(runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    encoder = InstalledModels(Execution(runtime), cache_folder()).encoder("semblance-base")  # type: ignore[arg-type]
    size = encoder.card.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (9, size, size, 3), dtype=np.uint8)
    alone = np.concatenate([encoder.encode_images(image[None]) for image in pixels])
    tolerance = 0 if runtime == "openvino" else 1e-6
    for batch in (2, 3, 9):
        some = encoder.encode_images(pixels[:batch])
        np.testing.assert_allclose(some, alone[:batch], rtol=0, atol=tolerance)
