"""`rrdyn plot trajectories`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions, Size


class Args(FigureOptions, Arguments):
    """Drift and running leading exponent of each puzzle over the segments, by cell of the 2x2.

    1. rrdyn plot trajectories diag.npz
    2. rrdyn plot trajectories diag/diag_trm.npz --points analysis/points_trm.csv
    """

    diag: Positional[Path]
    """A diag.npz; the running exponent needs its log_r."""
    points: Path | None = None
    """points_<tag>.csv of analyze-2x2, for its cells; default: the threshold that the analysis takes for this file."""
    size: Size = "page"
    """column: 85 mm and 8 pt text; page: 175 mm; slide: 10 inches and 14 pt."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.trajectories import draw

    wrote = draw(
        args.diag, args.stem(args.diag.parent, f"trajectories_{args.diag.stem}"), args.style, points=args.points
    )
    return Outcome(text=f"drew {wrote[0]}", wrote=wrote)
