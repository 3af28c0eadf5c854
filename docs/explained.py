"""Paints the explanations of the demonstration's photographs for their page: ``python docs/explained.py``.

Each is what ``semblance explain PHOTOGRAPH QUERY --output map.png`` paints, made small; some are right, and some not.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from service.offline_explain import Asked, explain_offline
from service.settings import load_settings

FOLDER = Path(__file__).with_name("images") / "explained"
PHOTOGRAPHS = Path(__file__).parents[1] / "demo" / "photographs"
SHOWN = {
    "castle": ("castle-reflection.jpg", "a castle by the water"),
    "guitar": ("drum-kit-and-guitar.jpg", "a guitar"),
    "cow": ("cow-in-field.jpg", "a cow -grass"),
    "baby": ("camel-with-young.jpg", "a baby animal"),
    "submarine": ("tower-bridge-night.jpg", "a submarine"),
    "instrument": ("didgeridoo-player.jpg", "a man plays an instrument"),
}
"""By the name of the picture: the photograph, and what it is explained for."""
_SIDE = 320
_QUALITY = 75


def paint(name: str, photograph: str, query: str) -> None:
    """Save one picture, and tell what the explanation says beside it."""
    found = explain_offline(load_settings(), Asked(str(PHOTOGRAPHS / photograph), query, method="places"))
    picture = Image.open(io.BytesIO(found.png or b""))
    picture.thumbnail((_SIDE, _SIDE))
    picture.save(FOLDER / f"{name}.webp", quality=_QUALITY)
    evidence = found.evidence
    told = "nothing speaks for the query" if evidence.silent else f"painted at full strength: {evidence.scale:.3f}"
    print(f"{name}: {query}: score {evidence.score:.3f}, {told}")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for shown, what in SHOWN.items():
        paint(shown, *what)
