"""The arrays that every part of Semblance shares.

Conventions: vectors are unit-length float32, C-contiguous, ``(N, D)``; scores are inner products, larger is better;
pixels are uint8 RGB, ``(H, W, 3)``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Features = NDArray[np.float16]
"""What a matcher keeps of N images, ``(N, *feature_shape)``."""
Side = Literal["image", "text"]
