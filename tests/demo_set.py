"""The demonstration's photographs as a captioned set in the Flickr8k layout."""

import csv
from pathlib import Path

from models.data.captioned import CaptionedImages, read_captioned

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
