"""Decoding takes no more memory than its cost says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_MEASURE = """
import io, sys
import numpy as np
from PIL import Image
from models.imaging.cost import decode_cost
from models.imaging.decode import decode_image
from models.imaging.header import read_header

def in_file(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()

def memory(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))

side = 2500
files = {
    "grey": in_file(Image.new("L", (side, side)), "PNG"),
    "16-bit grey": in_file(Image.fromarray(np.full((side, side), 40_000, np.uint16)), "PNG"),
    "RGBA": in_file(Image.new("RGBA", (side, side), (1, 2, 3, 4)), "PNG"),
    "palette": in_file(Image.new("P", (side, side)), "PNG", transparency=0),
    "CMYK": in_file(Image.new("CMYK", (side, side)), "JPEG", progressive=True),
    "progressive": in_file(Image.new("RGB", (side, side)), "JPEG", progressive=True),
    "baseline": in_file(Image.new("RGB", (side, side)), "JPEG"),
    "GIF": in_file(Image.new("P", (side, side)), "GIF"),
    "WebP": in_file(Image.new("RGBA", (side, side), (1, 2, 3, 4)), "WEBP", method=0),
    "lossless WebP": in_file(Image.new("RGB", (side, side)), "WEBP", method=0, lossless=True),
}
for shrink_to in (480, None):
    decode_image(in_file(Image.new("RGB", (960, 960)), "JPEG"), shrink_to=shrink_to)  # what is loaded once
    for name, content in files.items():
        before = memory("VmRSS")
        open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
        decode_image(content, shrink_to=shrink_to)
        print(name, shrink_to, memory("VmHWM") - before, decode_cost(read_header(content), shrink_to), sep=",")
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux's /proc")
def test_decoding_takes_no_more_memory_than_its_cost() -> None:
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}  # what is freed is given back at once
    done = subprocess.run([sys.executable, "-c", _MEASURE], capture_output=True, text=True, check=True, env=environment)
    lines = [line.split(",") for line in done.stdout.splitlines()]
    assert len(lines) == 20
    slack = 6 * 2**20  # strips at work; a second copy of a single byte a pixel would be as much
    assert not [line for line in lines if int(line[2]) > int(line[3]) + slack]
