"""Where and with what a figure was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

COLUMNS = (
    "command", "date", "cpu", "cores", "avx512", "amx", "memory_gb",
    "python", "torch", "openvino", "faiss", "fastapi", "semblance", "commit",
)  # fmt: skip

_ROOT = Path(__file__).parents[1]


def provenance(command: str) -> dict[str, str]:
    """Describe this machine and what is installed; ``command`` is what was typed."""
    cpu = _cpu()
    flags = cpu.get("flags", "").split()
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cpu": cpu.get("model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "avx512": _yes("avx512f" in flags),
        "amx": _yes("amx_tile" in flags),
        "memory_gb": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f}",
        "python": platform.python_version(),
        "torch": _version("torch"),
        "openvino": _version("openvino"),
        "faiss": _version("faiss-cpu", "faiss-gpu"),
        "fastapi": _version("fastapi"),
        "semblance": _version("semblance"),
        "commit": _commit(),
    }


def _cpu() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _version(*packages: str) -> str:
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "none"


def _commit() -> str:
    """Return the commit that is checked out, marked where the measured packages differ from it."""
    git = ["git", "-C", str(_ROOT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "models", "indexer", "service"], check=False)
    return commit.stdout.strip() + (" and changes" if changed.returncode else "")


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
