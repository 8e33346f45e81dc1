"""`rrdyn report`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rrdyn.cli.command import Arguments, Outcome, Positional


class Args(Arguments):
    """A run folder as one HTML page that opens offline: claims, tables, figures, provenance and an explorer.

    1. rrdyn report runs/demo
    2. rrdyn report runs/demo --out study.html
    """

    folder: Positional[Path]
    """A folder with what rrdyn wrote: training runs, diagnoses, analyses, figures, at any depth."""
    out: Path | None = None
    """The page to write; default: FOLDER_report.html beside the folder, into which nothing is written."""


def run(args: Args) -> Outcome:
    from rrdyn.cli.results import ReportResult
    from rrdyn.studies.report import write_report

    made = write_report(args.folder, args.out)
    text = (
        f"{made.path}: {_counted(made.figures, 'figure')}, {_counted(made.models, 'model')}, {made.size / 1e6:.1f} MB"
    )
    data = ReportResult(figures=[picture.name for picture in made.figures], models=made.models, bytes=made.size)
    return Outcome(
        data=data, text=text, wrote=[made.path], next=[f"open {made.path} in a browser; it needs no network"]
    )


def _counted(what: Sequence[object], word: str) -> str:
    return f"{len(what)} {word}" + ("s" if len(what) != 1 else "")
