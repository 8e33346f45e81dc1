"""Every figure a run folder allows: those that stand there already, and the missing ones drawn beside them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rrdyn.artifacts.errors import RrdynError, notice
from rrdyn.plotting import plot
from rrdyn.studies.page.inventory import Inventory

Call = Callable[[Path], list[Path]]


@dataclass(frozen=True)
class Picture:
    """A figure on the page."""

    name: str
    png: Path
    caption: str

    @property
    def alt(self) -> str:
        """What is seen, for who cannot see it; the caption where the png does not tell."""
        from rrdyn.plotting.plate import read_alt

        return read_alt(self.png) or self.caption

    @property
    def source(self) -> str:
        """The png as a data URI, in 256 colours: a third of the bytes, and no difference on a screen."""
        from PIL import Image

        packed = io.BytesIO()
        with Image.open(self.png) as image:
            image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(packed, format="png", optimize=True)
        return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()


@dataclass(frozen=True)
class Wanted:
    """A figure that can be drawn: the names it goes by, what it is drawn from, how."""

    names: list[str]
    sources: list[Path]
    draw: Call


def pictures(stock: Inventory, folder: Path) -> list[Picture]:
    """All figures in a settled order; what is missing or older than its sources is drawn into `folder`."""
    shown: dict[str, Path] = {}
    for wanted in _wanted(stock):
        there = [stock.pictures.get(name) for name in wanted.names]
        newest = max(path.stat().st_mtime_ns for path in wanted.sources)
        if all(path is not None and path.stat().st_mtime_ns >= newest for path in there):
            shown |= {name: path for name, path in zip(wanted.names, there) if path is not None}
            continue
        try:
            wrote = wanted.draw(folder)
        except RrdynError as error:
            notice(f"{wanted.names[0]} is not drawn: {error.problem}")
            continue
        shown |= {path.stem: path for path in wrote if path.suffix == ".png"}
    shown |= {name: path for name, path in stock.pictures.items() if name not in shown}
    return [Picture(name, png, _caption(png)) for name, png in shown.items()]


def _caption(png: Path) -> str:
    beside = png.with_name(f"{png.stem}.caption.txt")
    return beside.read_text(encoding="utf-8").strip() if beside.exists() else png.stem


def _at(figure: str, name: str, source: object, **options: Any) -> Call:
    """A figure under a name of ours, drawn into the folder that it is called with."""
    return lambda out: plot(figure, source, out=out / f"{name}.png", **options).wrote


def _into(figure: str, source: object) -> Call:
    """A figure that names its pictures itself."""
    return lambda out: plot(figure, source, out=out).wrote


def _wanted(stock: Inventory) -> Iterator[Wanted]:
    if stock.trainings:
        call = _at("dynamics", "dynamics", stock.trainings)
        yield Wanted(["dynamics", "dynamics_overlay"], stock.trainings, call)
    yield from _of_results(stock)
    for tag, path in stock.series:
        yield Wanted([f"evolution_{tag}"], [path], _into("evolution", path))
    for path in stock.survivals:
        yield Wanted(["rollout"], [path], _into("rollout", path))
    for tag, path in stock.selections:
        yield Wanted([f"basin_{tag}"], [path], _into("basin", path.with_name(f"basin_{tag}.csv")))
        yield Wanted([f"selectors_{tag}"], [path], _into("selectors", path.with_name(f"select_{tag}.csv")))
    for place, path in enumerate(stock.cells):
        name = "perturbation" if place == 0 else f"perturbation_{place + 1}"
        yield Wanted([name], sorted(path.rglob("calib.json")), _at("perturbation", name, path))
    for path in stock.toys:
        yield Wanted([path.stem], [path], _at("toy", path.stem, path))
    for path in stock.states:
        yield Wanted(["latent"], [path], _at("latent", "latent", path))


def _of_results(stock: Inventory) -> Iterator[Wanted]:
    """The 2x2 of every tag, then its puzzles' trajectories and one answer, then all spectra side by side."""
    from rrdyn.plotting.two_by_two import PLATES

    for tag, path in stock.results:
        names = [f"fig_{tag}_{name}" for name in PLATES]
        yield Wanted(names, [path], _into("2x2", path))
    for tag, path in stock.results:
        diag = stock.diag_of(stock.read(path))
        if diag is None:
            continue
        points = path.with_name(f"points_{tag}.csv")
        known = points if points.exists() else None
        call = _at("trajectories", f"trajectories_{tag}", diag, points=known)
        yield Wanted([f"trajectories_{tag}"], [diag, path], call)
        yield Wanted([f"puzzle_{tag}"], [diag], _at("puzzle", f"puzzle_{tag}", diag, size="page"))
    for parent in dict.fromkeys(path.parent for _, path in stock.results):
        name = "spectrum" if len({path.parent for _, path in stock.results}) == 1 else f"spectrum_{parent.name}"
        sources = [path for _, path in stock.results if path.parent == parent]
        yield Wanted([name], sources, _at("spectrum", name, parent))
