"""A small collection of plain colours, indexed for real, and the service over it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy
from colour_collection import COLOURS, index, save_colours, served, wait_until_loaded
from fastapi import FastAPI
from starlette.testclient import TestClient
from toy_captioner import NAMES as TOY_CAPTIONERS
from toy_captioner import ToyCaptioner
from toy_encoder import ToyEncoder
from toy_explainer import ToyExplainer
from toy_library import Explainers, ToyLibrary
from toy_matcher import ToyMatcher

from service.app import create_app
from service.settings import Settings


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The data folder with the collection ``colours``, and the folder of its pictures; nobody changes them."""
    root = tmp_path_factory.mktemp("published")
    save_colours(root / "pictures", list(COLOURS))
    captions = root / "captions.csv"
    lines = [f"{path.name},a {path.stem} square" for path in sorted((root / "pictures").iterdir())]
    captions.write_text("\n".join(["image,caption", *lines]) + "\n")
    index(root / "data", "colours", root / "pictures", captions=captions)
    return root / "data", root / "pictures"


@pytest.fixture
def pictures(published: tuple[Path, Path]) -> Path:
    """The folder of the indexed pictures."""
    return published[1]


@pytest.fixture
def data_dir(published: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the data folder that a test may change."""
    return Path(shutil.copytree(published[0], tmp_path / "data"))


@pytest.fixture
def build_app(data_dir: Path) -> Callable[..., FastAPI]:
    """Build the application over ``data_dir``; keyword arguments are settings."""

    def build(
        load_encoder: Callable[[str], Any] = ToyEncoder,
        load_matcher: Callable[[str], Any] = ToyMatcher,
        load_captioner: Callable[[str], Any] = ToyCaptioner,
        explainers: Callable[[str], Explainers] = lambda _model: {"grad-cam": ToyExplainer},
        **settings: Any,
    ) -> FastAPI:
        chosen = Settings(**{"data_dir": data_dir, "captioner": TOY_CAPTIONERS[0], "watch_s": 0, **settings})
        return create_app(chosen, ToyLibrary(load_encoder, load_matcher, load_captioner, explainers))

    return build


@pytest.fixture
def start(build_app: Callable[..., FastAPI]) -> Iterator[Callable[..., TestClient]]:
    """Start the application in this process; keyword arguments as for ``build_app``."""
    with ExitStack() as stack:

        def begin(**settings: Any) -> TestClient:
            app = build_app(**settings)
            client = stack.enter_context(TestClient(app))
            wait_until_loaded(app)
            return client

        yield begin


@pytest.fixture
def client(start: Callable[..., TestClient]) -> TestClient:
    """The application with its default settings."""
    return start()


@pytest.fixture
def http(build_app: Callable[..., FastAPI]) -> Iterator[Callable[..., httpx.Client]]:
    """Start a real server; keyword arguments as for ``build_app``."""
    with ExitStack() as stack:

        def start(**settings: Any) -> httpx.Client:
            limits = {name: value for name, value in settings.items() if name in Settings.model_fields}
            address = stack.enter_context(served(build_app(**settings), settings=Settings(**limits)))
            return stack.enter_context(httpx.Client(base_url=address, timeout=20))

        yield start


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every SQL statement that SQLite executes while the test runs, on any database."""
    executed: list[str] = []

    def listen(connection: sqlite3.Connection, *_rest: Any) -> None:
        connection.set_trace_callback(executed.append)

    sqlalchemy.event.listen(sqlalchemy.Pool, "checkout", listen)
    yield executed
    sqlalchemy.event.remove(sqlalchemy.Pool, "checkout", listen)
