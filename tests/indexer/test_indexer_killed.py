"""A kill at any moment loses next to nothing and spoils nothing; the next run finishes the work."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from toy_matcher import ToyFeatureEncoder

PROGRAM = Path(__file__).with_name("killed_indexer.py")
ROOT = PROGRAM.parents[2]


def run(*arguments: object, within_s: float = 120) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=within_s, check=False)


def test_after_a_kill_while_encoding_what_was_stored_is_not_encoded_again(workshop):
    for number in range(150):
        workshop.paint(f"{number:03}.png", (number, 0, 9))
    killed = run("encoding", workshop.data_dir, workshop.photos, 64)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    for log in (workshop.root / "work" / "vectors").glob("*.image.*"):
        with log.open("ab") as file:
            file.write(b"torn")  # what a kill in the middle of a write leaves
    encoder = ToyFeatureEncoder()
    report = workshop.index(encoders=[encoder])
    assert (report.images, report.added, report.reused) == (150, 86, 64)
    assert encoder.images_encoded == 86
    with workshop.open() as generation:
        vectors = generation.vector_set("toy", "image").vectors(range(150))
        features = generation.feature_arrays["toy-matcher"].features(range(150))
    assert (vectors[:, 0].argsort(kind="stable") == range(150)).all()  # each image has its own vector
    assert (features[:, 3, 0].argsort(kind="stable") == range(150)).all()


def test_after_a_kill_at_any_step_of_publishing_the_index_is_whole_and_the_next_run_succeeds(workshop, tmp_path):
    for number in (1, 2, 3):
        workshop.paint(f"{number}.png", (number, 0, 0))
    workshop.index()
    (workshop.photos / "1.png").unlink()
    workshop.paint("4.png", (4, 0, 0))
    done = run("publishing", workshop.data_dir, workshop.photos, tmp_path / "scratch")
    assert done.returncode == 0, done.stderr
    # The vectors' flush; catalog, two arrays, manifest, staging folder; rename and flush; the pointer's flush, rename
    # and flush; the same three to compact the log.
    assert int(done.stdout) >= 1 + 5 + 2 + 3 + 3
