"""The last part of architecture.md: every file of the package with the first sentence of what it says of itself.

python docs/rooms.py
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "rrdyn"
PAGE = ROOT / "docs" / "architecture.md"
HEADING = "## Every file"
WORDS = "Made by `python docs/rooms.py`; a file's first sentence says what is in it."
ROOMS = ("cli", "studies", "plotting", "training", "measurement", "analysis", "dynamics", "models", "data", "runtime",
         "artifacts")  # fmt: skip
COMMAND = re.compile(r"`rrdyn [\w -]+`$")


def first_sentence(path: Path) -> str:
    """What a module says of itself, up to its first full stop."""
    paragraph = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].split())
    sentence = paragraph.partition(". ")[0]
    return sentence.rstrip(".:")


def section() -> str:
    parts = [f"{HEADING}\n\n{WORDS}"]
    for room in ROOMS:
        files = sorted((PACKAGE / room).rglob("*.py"), key=lambda path: (path.parent, path.name))
        told = {path: first_sentence(path) for path in files if path.name != "__init__.py"}
        lines = [f"- `{path.relative_to(PACKAGE)}`: {said}" for path, said in told.items() if not COMMAND.match(said)]
        lines += ["- a file for every command, by its name"] * (room == "cli")
        parts.append(f"### {room}/\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def whole(page: str) -> str:
    """The page with its last part anew."""
    return page.partition(HEADING)[0].rstrip() + "\n\n" + section()


if __name__ == "__main__":
    PAGE.write_text(whole(PAGE.read_text()))
