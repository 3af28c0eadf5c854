"""What every test may use."""

import atexit
import os
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
_CACHE = tempfile.TemporaryDirectory(prefix="semblance-tests-")
atexit.register(_CACHE.cleanup)
os.environ["SEMBLANCE_CACHE_DIR"] = _CACHE.name  # converted models: of this run alone
sys.path.insert(0, str(Path(__file__).parent))
