"""Every figure a run folder allows: those that stand there already, and the missing ones drawn beside them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rrdyn.artifacts.errors import RrdynError, notice
from rrdyn.studies.page.inventory import Inventory

Draw = Callable[..., list[Path]]
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


def _at(draw: Draw, name: str, *arguments: Any, **more: Any) -> Call:
    """A drawing that takes the path of the figure, called with the folder it goes to."""
    return lambda out: draw(*arguments, out / name, **more)


def _into(draw: Draw, *arguments: Any) -> Call:
    """A drawing that names its figures itself."""
    return lambda out: draw(*arguments, out=out)


def _wanted(stock: Inventory) -> Iterator[Wanted]:
    from rrdyn.plotting import basin, dynamics, evolution, latent, perturbation, rollout, selectors, toy
    from rrdyn.plotting.log_schema import read_schema
    from rrdyn.plotting.options import PerturbationView

    if stock.trainings:
        call = _at(dynamics.draw, "dynamics", stock.trainings, read_schema("rrdyn"))
        yield Wanted(["dynamics", "dynamics_overlay"], stock.trainings, call)
    yield from _of_results(stock)
    for tag, path in stock.series:
        yield Wanted([f"evolution_{tag}"], [path], _into(evolution.draw, path.parent, tag))
    for path in stock.survivals:
        yield Wanted(["rollout"], [path], _into(rollout.draw, path.parent))
    for tag, path in stock.selections:
        yield Wanted([f"basin_{tag}"], [path], _into(basin.draw, path.parent, tag))
        yield Wanted([f"selectors_{tag}"], [path], _into(selectors.draw, path.parent, tag))
    for place, path in enumerate(stock.cells):
        name = "perturbation" if place == 0 else f"perturbation_{place + 1}"
        yield Wanted([name], sorted(path.rglob("calib.json")), _at(perturbation.draw, name, path, PerturbationView()))
    for path in stock.toys:
        yield Wanted([path.stem], [path], _at(toy.draw, path.stem, path))
    for path in stock.states:
        yield Wanted(["latent"], [path], _at(latent.draw, "latent", path))


def _of_results(stock: Inventory) -> Iterator[Wanted]:
    """The 2x2 of every tag, then its puzzles' trajectories and one answer, then all spectra side by side."""
    from rrdyn.plotting import filmstrip, spectrum, trajectories, two_by_two

    for tag, path in stock.results:
        names = [f"fig_{tag}_{name}" for name in two_by_two.FIGURES]
        yield Wanted(names, [path], _into(two_by_two.draw, path.parent, tag))
    for tag, path in stock.results:
        diag = stock.diag_of(stock.read(path))
        if diag is None:
            continue
        points = path.with_name(f"points_{tag}.csv")
        known = points if points.exists() else None
        call = _at(trajectories.draw, f"trajectories_{tag}", diag, points=known, title=tag)
        yield Wanted([f"trajectories_{tag}"], [diag, path], call)
        yield Wanted([f"puzzle_{tag}"], [diag], _at(filmstrip.draw, f"puzzle_{tag}", diag))
    for parent in dict.fromkeys(path.parent for _, path in stock.results):
        tags = [tag for tag, path in stock.results if path.parent == parent]
        name = "spectrum" if len({path.parent for _, path in stock.results}) == 1 else f"spectrum_{parent.name}"
        sources = [path for _, path in stock.results if path.parent == parent]
        yield Wanted([name], sources, _at(spectrum.draw, name, parent, tags))
