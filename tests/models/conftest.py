"""Small random checkpoints of the transformers library."""

from pathlib import Path

import pytest
from random_checkpoint import save_checkpoint


@pytest.fixture(scope="session", params=["clip", "siglip", "siglip2"])
def huggingface_checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small random checkpoint of each family in turn."""
    return save_checkpoint(tmp_path_factory.mktemp(request.param), request.param)
