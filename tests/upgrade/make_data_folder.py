"""Makes ``release-a8a1e45.tar.xz``: a data folder as release a8a1e45 wrote it, by that release's own code.

    git worktree add OLD a8a1e45
    PYTHONPATH=OLD:OLD/tests python tests/upgrade/make_data_folder.py /photographs

The folder named is made, and is where the catalog says the photographs are; they are in the archive, too. There are two
generations, images in two folders, a copy, a file that is no image, captions from a file and from beside an image, and
a matcher's features.
"""

import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from toy_encoder import ToyEncoder
from toy_matcher import ToyMatcher

from indexer.ingest.pipeline import IndexRequest, index_collection

ARCHIVE = Path(__file__).with_name("release-a8a1e45.tar.xz")
PAINTED = {
    "2023/red.png": (255, 0, 0),
    "2023/green.png": (0, 255, 0),
    "2023/copy of red.png": (255, 0, 0),
    "2024/blue.png": (0, 0, 255),
    "2024/yellow.png": (255, 255, 0),
}
CAPTIONS = "file,caption\nred.png,a red wall\nblue.png,the blue sea\n"


def main(place: Path) -> None:
    """Paint the photographs, index them twice and pack all of it."""
    place.mkdir()
    photos, captions = place / "photos", place / "captions.csv"
    for name, colour in PAINTED.items():
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 9), colour).save(photos / name)
    (photos / "2024" / "broken.jpg").write_bytes(b"not an image")
    (photos / "2024" / "yellow.txt").write_text("a yellow flower\n", encoding="utf-8")
    captions.write_text(CAPTIONS, encoding="utf-8")
    times = iter(datetime(2026, 11, 20, tzinfo=UTC) + timedelta(days=day) for day in range(2))
    for folders in ([photos / "2023"], [photos / "2023", photos / "2024"]):
        request = IndexRequest(place / "data", "toy", tuple(folders), captions=captions if len(folders) > 1 else None)
        index_collection(request, [ToyEncoder()], [ToyMatcher()], now=lambda: next(times))
    with tarfile.open(ARCHIVE, "w:xz") as archive:
        for name in ("photos", "captions.csv", "data"):
            archive.add(place / name, name, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
