"""`rrdyn watch`"""

from __future__ import annotations

import shutil
import sys
import warnings
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import tyro
from pydantic import Field

from rrdyn.cli.command import Arguments, Outcome, Positional

if TYPE_CHECKING:
    from rrdyn.plotting.log_schema import LogSchema


class Args(Arguments):
    """A run's curves as lines of text, redrawn while it trains: for a terminal far away. Ctrl-C ends it.

    1. rrdyn watch runs/sudoku-trm-multi4/20260501-s0
    2. rrdyn watch runs/ --every 10
    3. rrdyn watch logs/ --once
    """

    logs: Positional[tuple[str, ...]]
    """Run folders, log files, globs, folders of them."""
    log_schema: Annotated[str, tyro.conf.arg(name="schema")] = "rrdyn"
    """The family of logs: a preset of configs/plot (rrdyn, reward_hacking) or a YAML file."""
    every: Annotated[float, Field(ge=0.1)] = 2.0
    """Seconds between two looks at the logs."""
    once: bool = False
    """Print once and end; so it does with --json, and where stdout is no terminal."""


def run(args: Args) -> Outcome:
    from rrdyn.plotting.log_schema import read_schema
    from rrdyn.plotting.runs import gather, read_runs
    from rrdyn.plotting.sparklines import WatchedRuns, record, view

    schema = read_schema(args.log_schema)
    gather(args.logs)  # what is not there at all is not waited for
    if not (args.once or args.as_json) and sys.stdout.isatty():
        _redraw(args, schema)
    runs = read_runs(gather(args.logs), schema)[0]
    if args.as_json:
        return Outcome(data=WatchedRuns(runs=[record(run, schema) for run in runs]))
    return Outcome(text=view(runs, schema, _width(), _blocks()))


def _redraw(args: Args, schema: LogSchema) -> None:
    """Clear the terminal and show all curves, at first and whenever a log has grown."""
    from rrdyn.artifacts.errors import InputError, Notice
    from rrdyn.plotting.runs import gather, read_runs
    from rrdyn.plotting.sparklines import view
    from rrdyn.plotting.watching import changes

    for _ in chain([None], changes(lambda: gather(args.logs), args.every)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)  # it would stand between the curves
            try:
                text = view(read_runs(gather(args.logs), schema)[0], schema, _width(), _blocks())
            except InputError as error:  # a run that has logged nothing yet
                text = f"waiting: {error.problem}"
        print(f"\x1b[2J\x1b[H{text}", flush=True)


def _width() -> int:
    return shutil.get_terminal_size().columns


def _blocks() -> str:
    from rrdyn.plotting.sparklines import BLOCKS, PLAIN

    return BLOCKS if (sys.stdout.encoding or "").lower().startswith("utf") else PLAIN
