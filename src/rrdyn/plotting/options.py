"""What every figure command takes. Free of matplotlib, so that --help stays light."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from rrdyn.artifacts.config import Config
from rrdyn.artifacts.errors import UsageError

if TYPE_CHECKING:
    from rrdyn.plotting.style import Style

Size = Literal["column", "page", "slide"]
PICTURES = {".png", ".pdf", ".jpg", ".jpeg", ".svg", ".eps", ".gif", ".tif", ".tiff", ".webp"}
"""Endings of --out that mean a picture rather than a folder."""


class FigureOptions(Config):
    """The paper a figure is drawn for, and where it goes."""

    size: Size = "column"
    """column: 85 mm and 8 pt text; page: 175 mm; slide: 10 inches and 14 pt."""
    dark: bool = False
    """Light lines on a dark ground."""
    out: Path | None = None
    """A folder, or a name that ends in .png or .pdf; default: beside what was read. The other files go along."""

    @property
    def style(self) -> Style:
        from rrdyn.plotting.style import Style

        return Style(size=self.size, dark=self.dark)

    def stem(self, folder: Path | str, name: str) -> Path:
        """Where a figure goes, without suffix: `name` in `folder`, unless --out says otherwise."""
        if self.out is None:
            return Path(folder) / name
        if self.out.suffix in PICTURES - {".png", ".pdf"}:
            raise UsageError(f"figures are not written as {self.out.suffix}", expected="NAME.png, NAME.pdf or a folder")
        return self.out.with_suffix("") if self.out.suffix in (".png", ".pdf") else self.out / name


class PerturbationView(Config):
    """How the perturbation figure shows its trajectories."""

    window: int | None = None
    """Only cells of this many steps; needed where the folder holds several windows."""
    model_contains: str = ""
    """Only cells whose model's name holds this text."""
    alphas: tuple[str, ...] = ()
    """Multiples of the calibrated scale to draw, as spelled in the files; default: all."""
    kl_only: bool = False
    """Leave out the row with the mass on the right answer."""
    quantile_lines: bool = False
    """A fan of p10..p90 and p25..p75 round the median instead of one band."""
    spaghetti: bool = False
    """Single trajectories instead of a band, coloured by whether they cross the budget."""
    color_by_pmass: bool = False
    """With --spaghetti: colour by the mass on the right answer of the same trajectory."""
    budget: Annotated[float, Field(gt=0)] = 1.0
    """The KL budget, nats."""
    roll: Annotated[int, Field(ge=1)] = 1
    """Rolling mean over this many steps."""
    kl_ymax: Annotated[float, Field(gt=0)] = 6.0
    """The KL axis never reaches above this."""
    line_lw: Annotated[float, Field(gt=0)] = 0.35
    """Width of a single trajectory, points."""
    line_alpha: Annotated[float, Field(gt=0, le=1)] | None = None
    """Opacity of a single trajectory; default: less the more there are."""
    median_lw: Annotated[float, Field(gt=0)] = 1.2
    """Width of the median, points."""
    mark_t: float | None = None
    """Draw a vertical line at this step."""
    step: Literal["segment", "token"] = "segment"
    """What a step is: segments count from 1, tokens from 0."""
