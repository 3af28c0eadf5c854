"""The demonstration's photographs as a captioned set in the Flickr8k layout."""

import csv
from pathlib import Path

from lab.data.captioned import CaptionedImages, read_captioned

DEMO = Path(__file__).parents[1] / "demo"
PHOTOGRAPHS = DEMO / "photographs"


def write_tokens(folder: Path, count: int) -> Path:
    """Write a token file of the first ``count`` captions; the first photograph gets a second one that is no text."""
    with (DEMO / "captions.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["file"], row["caption"]) for row in csv.DictReader(file)][:count]
    lines = [f"{name}#0\t{caption}" for name, caption in rows]
    lines.append(f"{rows[0][0]}#1\t</script><script>document.title = 'broken'</script><img src=x onerror=alert(1)>")
    tokens = folder / "demo.token.txt"
    tokens.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tokens


def read_demo_set(folder: Path, count: int) -> CaptionedImages:
    """Return the first ``count`` photographs with their captions."""
    return read_captioned(PHOTOGRAPHS, write_tokens(folder, count))


def write_training_sets(root: Path) -> Path:
    """Lay out both captioned collections, each of 12 photographs to train on and 4 to choose by; return their root."""
    with (DEMO / "captions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:32]
    for name, tokens, split, own in (
        ("flickr8k", "Flickr8k.token.txt", "Flickr_8k.{}Images.txt", rows[:16]),
        ("coco", "coco.token.txt", "coco.{}Images.txt", rows[16:]),
    ):
        (root / name).mkdir(parents=True)
        (root / name / "images").symlink_to(PHOTOGRAPHS)
        lines = [f"{row['file']}#{turn}\t{row['caption']}" for row in own for turn in range(2)]
        (root / name / tokens).write_text("\n".join(lines))
        for part, some in (("train", own[:12]), ("dev", own[12:])):
            (root / name / split.format(part)).write_text("\n".join(row["file"] for row in some))
    return root
