"""The plug-ins that docs/architecture.md and docs/data.md hold, as files in a folder outside the package."""

from __future__ import annotations

import re
from pathlib import Path

from tests.data.latin_plugin import write_plugin

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def write_plugins(folder: Path) -> list[str]:
    """Every plug-in and settings file of the pages; returns the modules' names."""
    names = ["latin"]
    write_plugin(folder)
    for code in blocks("python"):
        names.append(re.findall(r"^# (\w+)\.py", code)[0])
        (folder / f"{names[-1]}.py").write_text(code)
    for text in blocks("yaml"):
        (folder / re.findall(r"^# (\S+)", text)[0]).write_text(text)
    return names
