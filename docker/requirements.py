"""Prints what ``pyproject.toml`` requires, with the extras named as arguments, one requirement a line."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = (project["optional-dependencies"][extra] for extra in sys.argv[1:])
print(*project["dependencies"], *(requirement for extra in extras for requirement in extra), sep="\n")
