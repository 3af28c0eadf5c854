"""An index is built where FAISS has a GPU, and in this process where it has none."""

import faiss
import numpy as np
import pytest

from indexer.store.faiss_gpu import build_on_gpu, gpus


def fill(index: faiss.Index) -> None:
    """Add some vectors."""
    index.add(np.eye(4, dtype=np.float32))


def test_without_a_gpu_the_index_itself_is_filled() -> None:
    if gpus():
        pytest.skip("FAISS sees a GPU")
    index = faiss.IndexFlatIP(4)
    assert build_on_gpu(index, fill) is index
    assert index.ntotal == 4


@pytest.mark.skipif(not gpus(), reason="needs faiss-gpu and a GPU")
def test_with_a_gpu_an_index_of_the_cpu_comes_back() -> None:
    built = build_on_gpu(faiss.IndexFlatIP(4), fill)
    assert isinstance(built, faiss.IndexFlat)
    assert built.search(np.eye(4, dtype=np.float32), 1)[1].ravel().tolist() == [0, 1, 2, 3]
