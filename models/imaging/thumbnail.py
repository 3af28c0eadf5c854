"""Makes the small pictures that result lists show."""

import io

from PIL import Image

from models.imaging.photograph import Photograph


def thumbnail_webp(photograph: Photograph, max_side: int) -> bytes:
    """Return a WebP of at most ``max_side`` pixels a side, aspect ratio kept, never enlarged."""
    image = Image.fromarray(photograph.pixels)
    # a decode at reduced scale is rounded: the aspect ratio is taken from the original's width and height
    scale = min(1.0, max_side / max(photograph.width, photograph.height))
    size = (max(1, round(photograph.width * scale)), max(1, round(photograph.height * scale)))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80, method=4)
    return buffer.getvalue()
