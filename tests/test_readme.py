"""The README's commands run as they are written, top to bottom."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[1]
PICTURES = 5


def blocks() -> list[list[str]]:
    """Return the commands of each block of shell, without their remarks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [[re.sub(r"\s+#.*", "", line) for line in block.splitlines()] for block in found]
    return [[line for line in block if line and not line.startswith("#")] for block in lines]


def test_the_blocks_are_found() -> None:
    first, second, third, *_ = blocks()
    assert first[0] == "make demo"
    assert second[0] == "semblance index ~/Pictures"
    assert second[-1] == "semblance serve"
    assert all(line.startswith("curl") for line in third)


@pytest.mark.slow
def test_the_first_commands_run_as_written(tmp_path: Path) -> None:
    """``make demo`` stands for what it does: its collection is indexed, and ``semblance`` is on the PATH."""
    photographs = sorted((ROOT / "demo" / "photographs").glob("*.jpg"))
    pictures = tmp_path / "Pictures"
    pictures.mkdir()
    for path in photographs[:PICTURES]:
        shutil.copy(path, pictures)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEMBLANCE_")},
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(Path("~/.cache").expanduser()),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
    }
    environment.pop("XDG_DATA_HOME", None)

    def run(line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr)
        return done.stdout

    run("semblance index demo/photographs --collection demo --captions demo/captions.csv")
    _, commands, requests, *_ = blocks()
    assert f"{PICTURES} images" in run(commands[0])
    for line in commands[1:-1]:
        assert len(run(line).splitlines()) == PICTURES
    with subprocess.Popen(["bash", "-c", f"exec {commands[-1]}"], cwd=ROOT, env=environment) as service:
        try:
            _wait_until(lambda: httpx.get("http://localhost:8000/readyz").status_code == 200)
            image_id = ""
            for line in requests:
                answer = json.loads(run(line.replace("image_id=ID", f"image_id={image_id}")))
                assert "status" not in answer, answer
                image_id = image_id or answer["results"][0]["image_id"]
        finally:
            service.terminate()


def _wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("the service did not get ready")
