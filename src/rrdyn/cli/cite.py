"""`rrdyn cite`"""

from __future__ import annotations

from rrdyn.artifacts.citations import CITATIONS, bibtex
from rrdyn.cli.command import Arguments, Outcome


class Args(Arguments):
    """What to cite for the methods and models of this toolkit, as BibTeX.

    1. rrdyn cite
    2. rrdyn cite --json
    """


def run(args: Args) -> Outcome:
    from rrdyn.cli.results import CiteResult

    return Outcome(data=CiteResult(citations=CITATIONS), text=bibtex())
