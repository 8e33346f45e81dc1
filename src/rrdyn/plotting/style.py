"""One look for every figure: colours, markers, sizes, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib
from matplotlib import rc_params_from_file
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import said, shown
from rrdyn.artifacts.reading import read_text
from rrdyn.plotting.options import Size

Dashes = tuple[float, tuple[float, ...]] | str


@dataclass(frozen=True)
class Format:
    """The paper a figure is drawn for: width in inches, text in points, dots per inch of the png."""

    width: float
    text: float
    dpi: int
    panels: int
    """How many small panels fit side by side."""


FORMATS: dict[str, Format] = {
    "column": Format(width=3.35, text=8.0, dpi=300, panels=2),
    "page": Format(width=6.9, text=8.0, dpi=220, panels=4),
    "slide": Format(width=10.0, text=14.0, dpi=150, panels=4),
}


@dataclass(frozen=True)
class Look:
    """How one cell of the 2x2 is drawn: told apart by colour, and by marker and dashes where there is no colour."""

    letter: str
    key: str
    name: str
    colour: str
    dark_colour: str
    marker: str
    dashes: Dashes


# Okabe & Ito (2008), distinct under the common colour-vision deficiencies; C is lighter on a dark ground.
CELLS: dict[str, Look] = {
    "A": Look("A", "A_conv_correct", "settled, right", "#009E73", "#009E73", "o", "-"),
    "B": Look("B", "B_conv_wrong", "settled, wrong", "#E69F00", "#E69F00", "s", (0, (5, 1.5))),
    "C": Look("C", "C_nonconv_correct", "unsettled, right", "#0072B2", "#56B4E9", "^", (0, (1, 1.2))),
    "D": Look("D", "D_nonconv_wrong", "unsettled, wrong", "#D55E00", "#D55E00", "X", (0, (5, 1.5, 1, 1.5))),
}
CELL_KEYS = {look.key: letter for letter, look in CELLS.items()}
SERIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A"]
FATES = ("fixed", "cycle", "quasiperiodic", "slow", "marginal", "chaotic", "diverged")
"""In the order in which they are stacked, and in which the colours go to them."""
DASHES: list[Dashes] = ["-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5))]
MARKERS = ["o", "s", "^", "X", "D", "v", "P"]


@dataclass(frozen=True)
class Style:
    """What the user chose: `size` of the paper, `dark` ground or light, a style sheet of matplotlib on top."""

    size: Size = "column"
    dark: bool = False
    sheet: Path | None = None

    @property
    def format(self) -> Format:
        return FORMATS[self.size]

    @property
    def ground(self) -> str:
        return "#111418" if self.dark else "#FFFFFF"

    @property
    def ink(self) -> str:
        return "#F2F2F2" if self.dark else "#111111"

    @property
    def soft(self) -> str:
        """For reference lines and notes: quiet, but readable (contrast above 4.5 on the ground)."""
        return "#A8ADB3" if self.dark else "#666666"

    @property
    def faint(self) -> str:
        """For rules behind the data."""
        return "#4A5058" if self.dark else "#C8C8C8"

    @cached_property
    def scale(self) -> float:
        """Widths of lines and markers relative to 8 pt text."""
        return self.format.text / 8.0

    def cell(self, letter: str) -> str:
        look = CELLS[letter]
        return look.dark_colour if self.dark else look.colour

    @property
    def correct(self) -> str:
        return self.cell("A")

    @property
    def wrong(self) -> str:
        return self.cell("D")

    def series(self, index: int) -> str:
        colour = SERIES[index % len(SERIES)]
        return CELLS["C"].dark_colour if self.dark and colour == CELLS["C"].colour else colour

    def fate(self, name: str) -> str:
        """One colour a fate, in every picture."""
        return self.series(FATES.index(name) if name in FATES else len(FATES))

    def text(self, colour: str) -> str:
        """A colour for letters: the same hue, moved towards the ink until its contrast with the ground is 4.5."""
        ground, ink = to_rgb(self.ground), to_rgb(self.ink)
        for share in range(0, 101, 5):
            red, green, blue = ((c * (100 - share) + i * share) / 100 for c, i in zip(to_rgb(colour), ink))
            if contrast((red, green, blue), ground) >= 4.5:
                return to_hex((red, green, blue))
        return self.ink

    def figure(self, height: float, *, width: float = 1.0) -> Figure:
        """An empty figure: `height` in inches at column width, `width` as a share of the paper's width."""
        tall = height * (self.scale if self.size == "slide" else 1.0)
        return Figure(figsize=(self.format.width * width, tall), layout="constrained")

    @contextmanager
    def active(self) -> Iterator[Style]:
        """matplotlib's settings while a figure is drawn and saved, whatever the user's matplotlibrc says."""
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(self._settings() | (read_sheet(self.sheet) if self.sheet else {}))
            yield self

    def _settings(self) -> dict[Any, Any]:
        text, scale = self.format.text, self.scale
        return {
            "font.family": "DejaVu Sans",  # ships with matplotlib: the same letters on every machine
            "font.size": text,
            "axes.titlesize": text,
            "axes.labelsize": text,
            "xtick.labelsize": text,
            "ytick.labelsize": text,
            "figure.titlesize": text,
            "axes.titlelocation": "left",
            "axes.titlepad": 4 * scale,
            "axes.labelpad": 2.5 * scale,
            "axes.linewidth": 0.6 * scale,
            "xtick.major.width": 0.6 * scale,
            "ytick.major.width": 0.6 * scale,
            "xtick.major.size": 2.5 * scale,
            "ytick.major.size": 2.5 * scale,
            "xtick.minor.size": 1.5 * scale,
            "ytick.minor.size": 1.5 * scale,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.unicode_minus": True,
            "axes.formatter.use_mathtext": False,
            "axes.formatter.limits": (-4, 5),
            "lines.linewidth": 1.2 * scale,
            "lines.markersize": 3.5 * scale,
            "lines.solid_capstyle": "round",
            "figure.facecolor": self.ground,
            "axes.facecolor": self.ground,
            "savefig.facecolor": self.ground,
            "text.color": self.ink,
            "axes.labelcolor": self.ink,
            "axes.edgecolor": self.soft,
            "xtick.color": self.soft,
            "ytick.color": self.soft,
            "xtick.labelcolor": self.ink,
            "ytick.labelcolor": self.ink,
            "figure.constrained_layout.h_pad": 0.03 * scale,
            "figure.constrained_layout.w_pad": 0.03 * scale,
            "pdf.fonttype": 42,  # whole TrueType letters: the text stays text in an editor
            "pdf.compression": 6,
            "svg.fonttype": "none",
            "svg.hashsalt": "rrdyn",
        }


def read_sheet(path: Path) -> dict[Any, Any]:
    """The settings of a matplotlib style sheet. Raises InputError where a line is none."""
    text = read_text(path)
    lines = (line.split("#", 1)[0].partition(":") for line in text.split("\n"))
    keys = [key.strip() for key, _, _ in lines if key.strip()]
    unknown = next((key for key in keys if key not in matplotlib.rcParams), None)
    if unknown is not None:
        near = get_close_matches(unknown, list(matplotlib.rcParams), n=1)
        raise InputError(f"{shown(path)} is no style sheet of matplotlib", found=repr(unknown)[:60],
                         expected=f"did you mean {near[0]}?" if near else "lines as axes.grid: True")  # fmt: skip
    try:
        with TemporaryDirectory() as scratch:  # as read: without a byte-order mark
            (plain := Path(scratch) / "sheet").write_text(text, encoding="utf-8")
            found = rc_params_from_file(plain, fail_on_error=True, use_default_template=False)
    except Exception as error:
        raise InputError(f"{shown(path)} is no style sheet of matplotlib", found=said(error)) from None
    return {key: value for key, value in found.items() if not key.startswith("backend")}


def over(colour: str, alpha: float, ground: str) -> tuple[float, float, float]:
    """The colour that is seen where one that is not opaque lies on a ground."""
    red, green, blue = (c * alpha + g * (1 - alpha) for c, g in zip(to_rgb(colour), to_rgb(ground)))
    return red, green, blue


def ink_on(ground: tuple[float, ...]) -> str:
    """Black or white, whichever can be read better on that colour: 4.5 at least."""
    return max(("#000000", "#FFFFFF"), key=lambda ink: contrast(to_rgb(ink), ground))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast ratio of two colours (WCAG 2, 1.4.3), from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: tuple[float, ...]) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
