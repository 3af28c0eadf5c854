"""What every test may use."""

import atexit
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
_CACHE = tempfile.TemporaryDirectory(prefix="semblance-tests-")
atexit.register(_CACHE.cleanup)
os.environ["SEMBLANCE_CACHE_DIR"] = _CACHE.name  # converted models: of this run alone
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A real PostgreSQL server, see ``benchmarks.postgres_server``."""
    from benchmarks.postgres_server import INSTALL, PostgresServer, binaries

    if binaries() is None:
        pytest.skip(f"PostgreSQL is not tested: this {INSTALL}")
    server = PostgresServer()
    yield server
    server.stop()
