"""A real process that explains: by the same numbers, with the same errors, and gone when the service is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from colour_collection import COLOURS
from toy_encoder import ToyEncoder
from toy_explainer import ToyExplainer, ToyPairExplainer
from toy_library import Explainers, ToyLibrary
from toy_match import EVERYWHERE

from models.composition import Term, compose
from models.errors import QueryError, RuntimeUnavailableError
from models.evidence import Evidence, ImageRole
from models.explain.task import ExplainTask, explain
from models.protocols import Match, SeenImage
from service.serving.explain_process import ExplainProcess


class Refusing(ToyExplainer):
    """Explains nothing."""

    def explain(self, match: Match) -> Evidence:
        raise QueryError(f"{match.query.labels[0]} is not explained")


class Dying(ToyExplainer):
    """Ends its process, as the system does where memory ends, as often as there are files in a folder."""

    def __init__(self, lives: Path) -> None:
        self._lives = lives

    def explain(self, match: Match) -> Evidence:
        for life in self._lives.iterdir():
            life.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().explain(match)


def explainers(lives: Path, _model: str) -> Explainers:
    return {"toy": ToyExplainer, "pair": ToyPairExplainer, "refusing": Refusing, "dying": partial(Dying, lives)}


def make_library(lives: Path) -> ToyLibrary:
    return ToyLibrary(explainers=partial(explainers, lives))


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lives")


@pytest.fixture(scope="module")
def process(lives: Path) -> Iterator[ExplainProcess]:
    process = ExplainProcess(partial(make_library, lives), lambda _model: True)
    process.start()
    yield process
    process.close()


@pytest.fixture
def task() -> ExplainTask:
    encoder, roles = ToyEncoder(), ("result", "query")
    pixels = {
        role: np.full((8, 8, 3), COLOURS[name], np.uint8) for role, name in zip(roles, ("red", "blue"), strict=True)
    }
    images: dict[ImageRole, SeenImage] = {role: SeenImage(pixels[role], EVERYWHERE) for role in ("result", "query")}
    (words,) = encoder.encode_texts(["red and blue"])
    (vector,) = encoder.encode_images(pixels["result"][None])
    query = compose([Term("red and blue", words, text="red and blue")])
    return ExplainTask("toy", "toy", query, vector, images)


@pytest.mark.parametrize("method", ["toy", "pair"])
@pytest.mark.parametrize("caption", [None, "a red thing"])
def test_says_what_it_says_in_the_service(
    process: ExplainProcess, task: ExplainTask, lives: Path, method: str, caption: str | None
) -> None:
    task = replace(task, method=method, caption=caption)
    library = make_library(lives)
    with ThreadPoolExecutor(1) as threads:
        expected = explain(library, task, threads)
    found = process.explain(task)
    assert process.looks_at("toy", method) == library.explainer("toy", method).looks_at
    assert (found.words, found.contributions, found.scale) == (expected.words, expected.contributions, expected.scale)
    assert found.words[0].words
    assert len(found.maps) == len(expected.maps)
    for one, other in zip(found.maps, expected.maps, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_stands_back_behind_searches(process: ExplainProcess) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert process.run(os.getpid) != os.getpid()
    assert process.run(os.getpriority, os.PRIO_PROCESS, 0) > own


def test_an_error_of_the_method_is_the_caller_s(process: ExplainProcess, task: ExplainTask) -> None:
    with pytest.raises(QueryError, match="red and blue is not explained"):
        process.explain(replace(task, method="refusing"))


def test_another_process_answers_where_one_was_ended(process: ExplainProcess, task: ExplainTask, lives: Path) -> None:
    (lives / "one").touch()
    before = process.run(os.getpid)
    assert process.explain(replace(task, method="dying")).maps
    assert process.run(os.getpid) != before


def test_what_ends_the_process_again_is_told(process: ExplainProcess, task: ExplainTask, lives: Path) -> None:
    for life in ("one", "two"):
        (lives / life).touch()
    dying = replace(task, method="dying")
    with pytest.raises(RuntimeUnavailableError, match="ended twice"):
        process.explain(dying)
    assert process.explain(dying).maps


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_ends_with_a_service_that_cannot_end_it(end: signal.Signals, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, signal, time\n"
        "from models.library import InstalledModels\n"
        "from service.serving.explain_process import ExplainProcess\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # jobs in the background ignore it
        "    process = ExplainProcess(InstalledModels, lambda _model: True)\n"
        "    print(process.run(os.getpid), flush=True)\n"
        "    time.sleep(60)\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as service:  # fmt: skip
        assert service.stdout
        child = int(service.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        service.send_signal(end)
        service.wait(30)
    deadline = time.monotonic() + 30
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
