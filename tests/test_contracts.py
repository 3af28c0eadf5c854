"""The import contracts of ``pyproject.toml`` hold, and each of them notices a violation."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "indexer", "service", "lab")

PLANTED = {
    "One direction: models <- indexer <- service, and the laboratory apart": (
        "indexer/tune.py",
        "import service.settings",
    ),
    "Within models: from what is on paper up to the library": ("models/cards.py", "import models.library"),
    "No circles": ("indexer/store/durable.py", "import indexer.store.generation"),
    "Nothing unpickles": ("lab/progress.py", "import pickle"),
    "FAISS stays behind the vector stores": ("indexer/store/vector_log.py", "import faiss"),
    "Pillow stays behind imaging": ("models/matchers/frozen_pass.py", "import PIL"),
    "FastAPI stays in the application, its errors and its routes": ("service/offline.py", "import fastapi"),
    "Starlette stays in the application, its routes and its middleware": (
        "service/search/query.py",
        "import starlette",
    ),
    "SQL stays in the catalog": ("indexer/store/manifest.py", "import sqlalchemy"),
    "Milvus's client stays behind its store": ("indexer/store/vector_log.py", "import pymilvus"),
    "PostgreSQL's driver stays behind its catalog": ("indexer/catalog/tables.py", "import psycopg"),
    "Object storage stays behind its source": ("indexer/sources/tar_shards.py", "import fsspec"),
    "Ray stays behind the batches": ("indexer/ingest/image_worker.py", "import ray"),
    "Torch stays in models and the laboratory": ("models/protocols.py", "import torch"),
    "OpenVINO stays behind the inference interface": ("models/encoders/compiled.py", "import openvino"),
    "transformers serves hf: checkpoints alone": ("models/text/minilm.py", "import transformers"),
    "Modules are imported by name in one place": ("service/settings.py", "import importlib"),
}
"""Of each contract a file that may not hold the line beside it."""


@pytest.fixture(scope="module")
def contracts() -> list[str]:
    """The names of the contracts."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in configuration["tool"]["importlinter"]["contracts"]]


def check(root: Path) -> dict[str, str]:
    """Return ``KEPT`` or ``BROKEN`` of each contract of a checkout."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(root), "COLUMNS": "200"}
    told = subprocess.run(
        [*command, "--no-cache", "--no-logo"], cwd=root, env=environment, capture_output=True, text=True, check=False
    ).stdout
    return dict(re.findall(r"^(.+) (KEPT|BROKEN)$", re.sub(r"\x1b\[[0-9;]*m", "", told), flags=re.MULTILINE))


def test_every_contract_holds(contracts: list[str]) -> None:
    assert check(ROOT) == dict.fromkeys(contracts, "KEPT")


def test_every_contract_notices_a_violation(contracts: list[str], tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    assert list(PLANTED) == contracts
    for file, line in PLANTED.values():
        path = tmp_path / file
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    assert check(tmp_path) == dict.fromkeys(contracts, "BROKEN")
