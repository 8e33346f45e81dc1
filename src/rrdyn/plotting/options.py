"""What every figure command takes. Free of matplotlib, so that --help stays light."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rrdyn.artifacts.config import Config

if TYPE_CHECKING:
    from rrdyn.plotting.style import Style

Size = Literal["column", "page", "slide"]


class FigureOptions(Config):
    """The paper a figure is drawn for, and where it goes."""

    size: Size = "column"
    """column: 85 mm and 8 pt text; page: 175 mm; slide: 10 inches and 14 pt."""
    dark: bool = False
    """Light lines on a dark ground."""
    out: Path | None = None
    """Folder (or path without a suffix) for the png, pdf, data csv and caption; default: beside what was read."""

    @property
    def style(self) -> Style:
        from rrdyn.plotting.style import Style

        return Style(size=self.size, dark=self.dark)
