"""`rrdyn plot NAME`: a command for every figure, ours or a plug-in's, made of the figure's own options."""

from __future__ import annotations

from rrdyn.cli.command import Arguments, Command, Outcome
from rrdyn.plotting import FigureOptions, draw, find, from_outside


def commands() -> dict[str, str]:
    """Name of every figure of a plug-in, and the first sentence of its help."""
    return {figure.name: figure.summary for figure in from_outside()}


def command(figure: str) -> Command:
    """The arguments of one figure, and what draws it. Raises UsageError for a figure that nobody registered."""
    options = find(figure).options
    kind = type("Args", (options, Arguments), {"__doc__": options.__doc__, "__module__": __name__})

    def run(args: FigureOptions) -> Outcome:
        from rrdyn.artifacts.files import plain
        from rrdyn.cli.schema import record_of

        out = draw(figure, args)
        return Outcome(
            data=record_of(f"plot {figure}")(**plain(out.told)),
            text=out.text or f"drew {out.wrote[0]}",
            wrote=out.wrote,
        )

    return Command(kind, run)
