"""The wheel brings every command, those of the laboratory too; without the laboratory the others work all the same."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from demo_set import PHOTOGRAPHS, write_tokens, write_training_sets

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a publisher would."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", ".", "--no-deps", "--wheel-dir", str(folder)], cwd=ROOT, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def environment(wheel: Path, tmp_path: Path) -> Path:
    """Install the wheel into an environment of its own, which borrows everything else that is installed here."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True)
    borrowed = packages(folder) / "borrowed.pth"  # last on the path; a .pth file in there, such as ours, is not read
    borrowed.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    return folder


def packages(environment: Path) -> Path:
    """Return the folder of an environment's own packages."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)}))


def run(environment: Path, *arguments: object, program: str = "semblance") -> subprocess.CompletedProcess[str]:
    """Run a program of the environment outside of the checkout."""
    command = [str(environment / "bin" / program), *map(str, arguments)]
    data = str(environment.parent / "data")  # not the user's own folder, which may hold a collection of the same name
    variables = {"PATH": "/usr/bin:/bin", "COLUMNS": "120", "NO_COLOR": "1", "SEMBLANCE_DATA_DIR": data}
    return subprocess.run(
        command, cwd=environment.parent, env=variables, capture_output=True, text=True, check=False, timeout=600
    )


def told(finished: subprocess.CompletedProcess[str]) -> str:
    """Return what a program that must succeed printed."""
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def commands(text: str) -> set[str]:
    """Return the commands that a help page lists."""
    return set(re.findall(r"^│ ([a-z]+) ", text, re.MULTILINE))


def test_a_checkout_has_the_commands_of_the_laboratory() -> None:
    command = [sys.executable, "-m", "service.cli", "--help"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert {"index", "serve", "search", "models", "train", "evaluate"} <= commands(told(finished))


def test_the_wheel_has_them_and_they_work(environment: Path, tmp_path: Path) -> None:
    where = told(run(environment, "-c", "import lab, service; print(lab.__file__, service.__file__)", program="python"))
    assert all(Path(file).is_relative_to(environment) for file in where.split())
    assert {"index", "serve", "search", "models", "train", "evaluate"} <= commands(told(run(environment, "--help")))
    data = write_training_sets(tmp_path / "data")
    assert "tfidf: 0.0 MB" in told(run(environment, "train", "tfidf", "--data", data))
    assert (tmp_path / "var" / "weights" / "tfidf" / "weights.safetensors").is_file()
    tokens = write_tokens(tmp_path, 4)
    options = ["--images", PHOTOGRAPHS, "--captions", tokens, "--samples", 30]
    assert "semblance-base: 4 images, 5 captions\n  accuracy " in told(
        run(environment, "evaluate", "pairwise", *options)
    )


def test_without_the_laboratory_the_others_work(environment: Path) -> None:
    shutil.rmtree(packages(environment) / "lab")
    (entry_points,) = packages(environment).glob("semblance-*.dist-info/entry_points.txt")
    kept = re.sub(r"\[semblance\.commands\]\n(?:[^\[].*\n|\n)*", "", entry_points.read_text(encoding="utf-8"))
    entry_points.write_text(kept, encoding="utf-8")
    assert "No module named 'lab'" in run(environment, "-c", "import lab", program="python").stderr
    listed = commands(told(run(environment, "--help")))
    assert {"index", "serve", "search", "models", "caption"} <= listed
    assert not {"train", "evaluate"} & listed
    assert "toucan.jpg  a bird" in told(run(environment, "caption", PHOTOGRAPHS / "toucan.jpg", "--decoder", "greedy"))
    told(run(environment, "index", PHOTOGRAPHS, "--collection", "demo"))
    assert "tabby-cat" in told(run(environment, "search", "demo", "a tabby cat", "-k", 3))
