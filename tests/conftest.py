"""What every test may use."""

import atexit
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

os.environ["HF_HUB_OFFLINE"] = "1"
if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has what its run has
    _CACHE = tempfile.TemporaryDirectory(prefix="semblance-tests-")
    atexit.register(_CACHE.cleanup)
    os.environ["SEMBLANCE_CACHE_DIR"] = _CACHE.name  # converted models: of this run alone
sys.path.insert(0, str(Path(__file__).parent))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the proofs of half an hour or more take their time."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(autouse=True)
def log_of_the_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Log as the test at hand configures it: a command keeps its loggers, and with them the streams of its own test."""
    configure = structlog.configure
    monkeypatch.setattr(
        structlog, "configure", lambda **chosen: configure(**{**chosen, "cache_logger_on_first_use": False})
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A real PostgreSQL server, see ``benchmarks.postgres_server``."""
    from benchmarks.postgres_server import INSTALL, PostgresServer, binaries

    if binaries() is None:
        pytest.skip(f"PostgreSQL is not tested: this {INSTALL}")
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def object_storage_server() -> Iterator[Any]:
    """A real server of object storage, see ``benchmarks.s3_server``."""
    for library in ("moto", "flask", "s3fs"):
        pytest.importorskip(library, reason="needs a server of object storage: pip install moto flask flask-cors s3fs")
    from benchmarks.s3_server import S3Server

    server = S3Server()
    yield server
    server.kill()


@pytest.fixture
def object_storage(object_storage_server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """That server, empty, which this process asks."""
    from indexer.sources import objects

    for name, value in object_storage_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(objects.TIMEOUT_VARIABLE, "5")
    object_storage_server.empty()
    return object_storage_server


@pytest.fixture(scope="session")
def milvus() -> Iterator[Any]:
    """A real Milvus server, see ``benchmarks.milvus_server``."""
    from benchmarks.milvus_server import INSTALL, MilvusProcess, can_start

    if not can_start():
        pytest.skip(f"Milvus is not tested: this {INSTALL}")
    server = MilvusProcess()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def milvus_lite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of Milvus in this process."""
    pytest.importorskip("pymilvus", reason="needs Milvus' client: pip install pymilvus milvus-lite")
    pytest.importorskip("milvus_lite", reason="needs Milvus in this process: pip install milvus-lite")
    return str(tmp_path_factory.mktemp("milvus") / "lite.db")
