"""The documentation as a site: pages laid out for MkDocs as they lie in the repository, so that their links hold.

    python docs/lay_out.py            # lays out build/pages; `make docs` then builds build/site

The front page is README.md. A link to a folder that has no page leads nowhere on a site: its words stay, without it.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = ("README.md", "PROVENANCE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "CITATION.cff", "configs")
"""What pages link to beside docs/."""
REFERENCE, TOLD = ROOT / "build" / "reference", "reference from the docstrings"
"""Where docs/reference.py has put it, and the words of docs/api.md that lead there."""
KEPT = {".md", ".png", ".csv", ".json", ".yaml", ".ipynb", ".txt", ".sh", ".py", ".npz", ".log", ".jsonl", ""}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def lay_out(out: Path) -> Path:
    """Copy every page and what it links to into a folder; returns it."""
    if out.exists():
        shutil.rmtree(out)
    shutil.copytree(ROOT / "docs", out / "docs", ignore=_unwanted)
    for name in OUTSIDE:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, out / name)
    if REFERENCE.is_dir():
        shutil.copytree(REFERENCE, out / "reference")
        api = out / "docs" / "api.md"
        api.write_text(api.read_text().replace(TOLD, f"[{TOLD}](../reference/rrdyn.html)"), encoding="utf-8")
    for page in out.rglob("*.md"):
        page.write_text(linked(page.read_text(), page.parent), encoding="utf-8")
    return out


def _unwanted(folder: str, names: list[str]) -> set[str]:
    found = {name for name in names if Path(name).suffix not in KEPT or name.startswith("__")}
    return {name for name in found if not (Path(folder) / name).is_dir() or name.startswith("__")}


def linked(text: str, folder: Path) -> str:
    """The text of a page in a folder, without its links to folders that have no page."""

    def kept(link: re.Match[str]) -> str:
        place = folder / link[2].partition("#")[0]
        if re.match(r"[a-z]+:|#", link[2]) or not place.is_dir():
            return link[0]
        return link[0] if (place / "README.md").is_file() else link[1]

    return LINK.sub(kept, text)


if __name__ == "__main__":
    print(lay_out(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "pages"))
