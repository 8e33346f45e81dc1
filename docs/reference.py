"""The API reference as HTML, made from the docstrings; its front page is docs/api.md.

    python docs/reference.py            # writes build/docs; begin with build/docs/rrdyn.html
    python docs/reference.py FOLDER

The commands' own modules are left out: docs/commands/ has a page for each of them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pdoc

import rrdyn

ROOT = Path(__file__).resolve().parents[1]
FRONT = ROOT / "docs" / "api.md"
LEFT_OUT = r"rrdyn\.(__main__|cli\.(?!app$|command$)\w+)$"


def front() -> str:
    """docs/api.md without its links to pages that are not part of the reference."""
    return re.sub(r"\[([^\]]+)\]\((?!#)[^)]+\)", r"\1", FRONT.read_text())


def build(out: Path) -> Path:
    """Write the reference into a folder; returns its first page."""
    pdoc.render.configure(docformat="markdown", footer_text=f"rrdyn {rrdyn.__version__}")
    said, rrdyn.__doc__ = rrdyn.__doc__, front()
    try:
        pdoc.pdoc("rrdyn", f"!{LEFT_OUT}", output_directory=out)
    finally:
        rrdyn.__doc__ = said
    return out / "rrdyn.html"


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"))
