"""`rrdyn plot dynamics`"""

from __future__ import annotations

from typing import Annotated

import tyro

from rrdyn.cli.command import Arguments, Outcome, Positional
from rrdyn.plotting.options import FigureOptions, Size


class Args(FigureOptions, Arguments):
    """Training dynamics: a column per arm, a row per metric, a thin line per seed, their mean in bold; and one overlay.

    1. rrdyn plot dynamics logs/
    2. rrdyn plot dynamics runs/sudoku-trm-none runs/sudoku-trm-multi4 --out figures/dynamics.png
    3. rrdyn plot dynamics 'logs/*.log' --schema reward_hacking
    4. rrdyn plot dynamics logs/ --schema my_logs.yaml --size slide --dark
    """

    logs: Positional[tuple[str, ...]]
    """Log files, globs, folders of logs, run folders."""
    log_schema: Annotated[str, tyro.conf.arg(name="schema")] = "rrdyn"
    """The family of logs: a preset of configs/plot (rrdyn, reward_hacking) or a YAML file."""
    size: Size = "page"
    """column: 85 mm and 8 pt text; page: 175 mm; slide: 10 inches and 14 pt."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.dynamics import draw
    from rrdyn.plotting.log_schema import read_schema
    from rrdyn.plotting.runs import place

    wrote = draw(args.logs, read_schema(args.log_schema), args.stem(place(args.logs), "dynamics"), args.style)
    return Outcome(data={"schema": args.log_schema}, text=f"drew {wrote[0]}", wrote=wrote)
