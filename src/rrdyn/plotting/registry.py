"""Figures by name: ours, and those that plug-ins register. One way to draw each of them.

A figure is its options (what it is drawn from, how it is shown; the docstring is its help, with numbered examples) and
one function `draw(inputs, out, style)`: it reads artifacts, and gives finished plates to `out`. A figure of your own is
one file outside the package:

    from rrdyn.plotting import FigureOptions, Positional, register

    class HeightsOptions(FigureOptions):
        \"\"\"Heights.

        1. rrdyn plot heights heights.csv
        \"\"\"

        path: Positional[Path]
        \"\"\"A csv with a column `height`.\"\"\"

    @register("heights", HeightsOptions)
    def draw(inputs: HeightsOptions, out: Output, style: Style) -> None:
        out.add(Plate(figure=..., table=..., caption=...), "heights", inputs.path.parent, inputs=[inputs.path])

Its module is named in RRDYN_PLUGINS, or in the entry-point group rrdyn.plugins; then `rrdyn plot heights` is a command.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rrdyn.artifacts.errors import UsageError
from rrdyn.plotting import options as own
from rrdyn.plotting.options import FigureOptions
from rrdyn.runtime.plugins import HOW_TO_ADD, load_plugins

if TYPE_CHECKING:
    from rrdyn.plotting.output import Output
    from rrdyn.plotting.style import Style

O = TypeVar("O", bound=FigureOptions)
Draw = Callable[[O, "Output", "Style"], None]


@dataclass(frozen=True)
class Figure(Generic[O]):
    """A figure's name, the class of its options, and what draws it."""

    name: str
    options: type[O]
    draw: Draw[O]

    @property
    def summary(self) -> str:
        """The first sentence of its help."""
        return " ".join((self.options.__doc__ or "").strip().split("\n\n")[0].split())

    def given(self, source: object, **options: Any) -> O:
        """Its options, with `source` as what it is drawn from."""
        name, field = next((name, field) for name, field in self.options.model_fields.items() if field.is_required())
        if "tuple" in str(field.annotation):
            several = source if isinstance(source, list | tuple) else [source]
            return self.options(**{name: tuple(str(one) for one in several)}, **options)
        return self.options(**{name: source}, **options)


FIGURES: dict[str, Figure[Any]] = {}
"""Every figure known so far; `find` knows those of plug-ins too."""


def register(name: str, options: type[O]) -> Callable[[Draw[O]], Draw[O]]:
    """Make a figure known under a name. A figure of the package is not replaced."""

    def known(draw: Draw[O]) -> Draw[O]:
        if name in OWN:
            raise UsageError(f"rrdyn has a figure {name!r} of its own", expected="another name for the plug-in's")
        FIGURES[name] = Figure(name, options, draw)
        return draw

    return known


def find(name: str) -> Figure[Any]:
    """The figure of that name, ours or a plug-in's. Raises UsageError for an unknown one."""
    if name not in FIGURES:
        load_plugins()
    if name not in FIGURES:
        near = difflib.get_close_matches(name, FIGURES, n=1, cutoff=0.5)
        raise UsageError(
            f"there is no figure {name!r}",
            expected=f"did you mean {near[0]!r}?" if near else "one of " + ", ".join(FIGURES),
            run=HOW_TO_ADD,
        )
    return FIGURES[name]


def from_outside() -> list[Figure[Any]]:
    """The figures of plug-ins."""
    load_plugins()
    return [figure for name, figure in FIGURES.items() if name not in OWN]


def draw(name: str, inputs: FigureOptions, *, writes: bool = True) -> Output:
    """Draw one figure as its options say; without `writes` nothing goes to disk."""
    from rrdyn.plotting.output import Output
    from rrdyn.plotting.style import Style

    style = Style(size=inputs.size, dark=inputs.dark, sheet=inputs.style)
    out = Output(inputs.out, style, writes=writes)
    with style.active():
        find(name).draw(inputs, out, style)
    return out


def plot(name: str, source: object, *, out: Path | str | None = None, **options: Any) -> Output:
    """Draw a figure: `rrdyn.plot("basin", "select/")`. Files are written only where `out` is given.

    `source` is what the command `rrdyn plot NAME` takes: a path (a list of them where it takes several), or a result in
    memory, which is one that was read from a file (`path`) or can be written to a folder (`write(folder)`). `options`
    are those of the command, such as `size="page"`. The returned `Output` shows itself in a notebook; `.figure` is
    matplotlib's, `.plates` holds every picture with the numbers drawn.
    """
    figure = find(name)
    given = None if out is None else Path(out)
    if hasattr(source, "write"):
        with tempfile.TemporaryDirectory() as scratch:
            source.write(Path(scratch))
            return draw(name, figure.given(Path(scratch), out=given, **options), writes=given is not None)
    source = getattr(source, "path", source)
    return draw(name, figure.given(source, out=given, **options), writes=given is not None)


def _later(module: str) -> Draw[Any]:
    """The draw of one of our files, imported when it draws: matplotlib is not needed to show a command's help."""

    def drawn(inputs: FigureOptions, out: Output, style: Style) -> None:
        import_module(f"rrdyn.plotting.{module}").draw(inputs, out, style)

    return drawn


OWN: dict[str, tuple[type[FigureOptions], str]] = {
    "dynamics": (own.DynamicsOptions, "dynamics"),
    "trajectories": (own.TrajectoriesOptions, "trajectories"),
    "spectrum": (own.SpectrumOptions, "spectrum"),
    "2x2": (own.TwoByTwoOptions, "two_by_two"),
    "evolution": (own.EvolutionOptions, "evolution"),
    "rollout": (own.RolloutOptions, "rollout"),
    "perturbation": (own.PerturbationOptions, "perturbation"),
    "basin": (own.BasinOptions, "basin"),
    "selectors": (own.SelectorsOptions, "selectors"),
    "scaling": (own.ScalingOptions, "scaling"),
    "fates": (own.FatesOptions, "fates"),
    "compare": (own.CompareOptions, "comparison"),
    "latent": (own.LatentOptions, "latent"),
    "toy": (own.ToyOptions, "toy"),
    "puzzle": (own.PuzzleOptions, "puzzle"),
}
"""The package's figures: options, and the file that draws them."""
FIGURES |= {name: Figure(name, options, _later(module)) for name, (options, module) in OWN.items()}
