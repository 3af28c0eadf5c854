"""Training and adding on a GPU where FAISS sees one; what is saved and searched is always an index of the CPU.

Indexes on a GPU are not safe to be read from several threads, and FAISS has only some kinds of them there.
"""

from __future__ import annotations

from collections.abc import Callable

import faiss


def build_on_gpu(index: faiss.Index, build: Callable[[faiss.Index], None]) -> faiss.Index:
    """Train and fill an index, on the first GPU where FAISS sees one; return it as an index of the CPU.

    Args:
        index: of the CPU, empty.
        build: is given the index, or its copy on the GPU, and trains and fills it.
    """
    if not gpus():
        build(index)
        return index
    resources = faiss.StandardGpuResources()
    on_gpu = faiss.index_cpu_to_gpu(resources, 0, index)
    build(on_gpu)
    return faiss.index_gpu_to_cpu(on_gpu)


def gpus() -> int:
    """Return how many GPUs FAISS sees; none where it was built without them."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0
