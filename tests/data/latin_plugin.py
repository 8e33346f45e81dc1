"""The plug-in of docs/data.md: Latin squares, in a folder outside the package."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def write_plugin(folder: Path) -> Path:
    """`folder`/latin.py as the page has it; found with RRDYN_PLUGINS=latin where the folder is on the Python path."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    (code,) = [block for block in blocks if "@register" in block]
    path = folder / "latin.py"
    path.write_text(code)
    return path
