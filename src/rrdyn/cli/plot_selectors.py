"""`rrdyn plot selectors`"""

from __future__ import annotations

from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions, Size


class Args(FigureOptions, Arguments):
    """Which restart to trust: accuracy of each selector, risk against coverage, calibration of q_halt.

    1. rrdyn plot selectors select/
    2. rrdyn plot selectors select/select_trm.csv --sigma 0.3
    """

    path: Positional[Path]
    """What rrdyn select wrote: its folder, or one select_<tag>.csv."""
    sigma: float | None = None
    """Noise scale of the second and third panel; default: where any restart is right most often."""
    size: Size = "page"
    """column: 85 mm and 8 pt text; page: 175 mm; slide: 10 inches and 14 pt."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.selectors import RUN, draw
    from rrdyn.plotting.study import tags_of

    folder, tags = tags_of(args.path, "select", ".csv", RUN)
    wrote = [file for tag in tags for file in draw(folder, tag, args.style, args.out, args.sigma)]
    return Outcome(data={"tags": tags}, text=f"drew {', '.join(tags)}", wrote=wrote)
