"""Every figure a run folder allows: those that stand there already, and the missing ones drawn beside them."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rrdyn.analysis.puzzles import tags
from rrdyn.artifacts.errors import RrdynError, notice
from rrdyn.artifacts.places import is_file, modified, said, shown
from rrdyn.artifacts.reading import read_text
from rrdyn.plotting import plot
from rrdyn.runtime.progress import each, say
from rrdyn.studies.page.inventory import Inventory

Call = Callable[[Path], list[Path]]


@dataclass(frozen=True)
class Picture:
    """A figure on the page."""

    name: str
    png: Path
    caption: str
    alt: str
    """What is seen, for who cannot see it; the caption where the png does not tell."""
    source: str
    """The png as a data URI, in 256 colours: a third of the bytes, and no difference on a screen."""


@dataclass(frozen=True)
class Wanted:
    """A figure that can be drawn: the names it goes by, what it is drawn from, how."""

    names: list[str]
    sources: list[Path]
    draw: Call


def pictures(stock: Inventory, folder: Path) -> list[Picture]:
    """All figures in a settled order; what is missing or older than its sources is drawn into `folder`."""
    paths: dict[str, Path] = {}
    everything = list(_wanted(stock))
    for place, wanted in enumerate(everything, 1):
        there = [stock.pictures.get(name) for name in wanted.names]
        newest = max(modified(path) or 0 for path in wanted.sources)
        if all(path is not None and (modified(path) or 0) >= newest for path in there):
            paths |= {name: path for name, path in zip(wanted.names, there) if path is not None}
        else:
            say(f"drawing {wanted.names[0]} ({place} of {len(everything)})")
            paths |= _drawn(wanted, folder)
    paths |= {name: path for name, path in stock.pictures.items() if name not in paths}
    read = [_read(name, png) for name, png in each(paths.items(), "figures on the page")]
    return [picture for picture in read if picture is not None]


def _drawn(wanted: Wanted, folder: Path) -> dict[str, Path]:
    try:
        wrote = wanted.draw(folder)
    except RrdynError as error:
        notice(f"{wanted.names[0]} is not drawn: {error.problem}")
        return {}
    return {path.stem: path for path in wrote if path.suffix == ".png"}


def _read(name: str, png: Path) -> Picture | None:
    """A png with its words; None, with a notice, where it is none or too large to show."""
    from PIL import Image

    from rrdyn.plotting.plate import read_alt

    packed = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            alt, caption = read_alt(png), _caption(png)
            with Image.open(png) as image:
                reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        reduced.save(packed, format="png", optimize=True)
    except RrdynError as error:
        notice(f"{name} is not shown: {error.problem}")
        return None
    except Exception as error:  # of a broken png: OSError, ValueError, SyntaxError, struct.error, a bomb
        notice(f"{name} is not shown: {shown(png)} is no readable png ({said(error)})")
        return None
    source = "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()
    return Picture(name, png, caption, alt or caption, source)


def _caption(png: Path) -> str:
    beside = png.with_name(f"{png.stem}.caption.txt")
    return read_text(beside).strip() if is_file(beside) else png.stem


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
    yield from _of_fates(stock)
    yield from _of_results(stock)
    yield from _of_scalings(stock)
    for tag, path in stock.series:
        yield Wanted([f"evolution_{tag}"], [path], _into("evolution", path))
    for survival in stock.survivals:
        yield Wanted(["rollout"], [survival.path], _into("rollout", survival.path))
    for selection in stock.selections:
        tag, path = selection.tag, selection.path
        yield Wanted([f"basin_{tag}"], [path], _into("basin", path.with_name(f"basin_{tag}.csv")))
        yield Wanted([f"selectors_{tag}"], [path], _into("selectors", path.with_name(f"select_{tag}.csv")))
    for place, path in enumerate(stock.cells):
        name = "perturbation" if place == 0 else f"perturbation_{place + 1}"
        yield Wanted([name], sorted(path.rglob("calib.json")), _at("perturbation", name, path))
    for path in stock.toys:
        yield Wanted([path.stem], [path], _at("toy", path.stem, path))
    for path in stock.states:
        yield Wanted(["latent"], [path], _at("latent", "latent", path))


def _of_fates(stock: Inventory) -> Iterator[Wanted]:
    from rrdyn.plotting.fates import names

    for path, tag in zip(stock.fates, tags(stock.fates)):
        call = _at("fates", f"fates_{tag}", path)
        yield Wanted([f"fates_{tag}_{name}" for name in names(path)], [path], call)


def _of_scalings(stock: Inventory) -> Iterator[Wanted]:
    from rrdyn.plotting.scaling import names

    for source in stock.scalings:
        table = source.path.with_suffix(".csv")
        if is_file(table):
            wanted = [f"scaling_{source.tag}_{name}" for name in names(table)]
            yield Wanted(wanted, [source.path, table], _into("scaling", table))


def _of_results(stock: Inventory) -> Iterator[Wanted]:
    """The 2x2 of every tag, then its puzzles' trajectories and one answer, then all spectra side by side."""
    from rrdyn.plotting.two_by_two import PLATES

    for source in stock.results:
        names = [f"fig_{source.tag}_{name}" for name in PLATES]
        yield Wanted(names, [source.path], _into("2x2", source.path))
    for source in stock.results:
        tag, path = source.tag, source.path
        diag = stock.diag_of(source.record)
        if diag is None:
            continue
        points = path.with_name(f"points_{tag}.csv")
        known = points if is_file(points) else None
        call = _at("trajectories", f"trajectories_{tag}", diag, points=known)
        yield Wanted([f"trajectories_{tag}"], [diag, path], call)
        yield Wanted([f"puzzle_{tag}"], [diag], _at("puzzle", f"puzzle_{tag}", diag, size="page"))
    parents = dict.fromkeys(source.path.parent for source in stock.results)
    for parent in parents:
        name = "spectrum" if len(parents) == 1 else f"spectrum_{parent.name}"
        sources = [source.path for source in stock.results if source.path.parent == parent]
        yield Wanted([name], sources, _at("spectrum", name, parent))
