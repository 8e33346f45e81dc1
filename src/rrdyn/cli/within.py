"""A command as a step of a study, in the study's own process."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

from rrdyn.cli.app import main
from rrdyn.cli.command import WITHIN_STUDY, environment


def within_study(argv: list[str]) -> int:
    """Run another command as a step of a study: its text goes to stderr, and it does not say what to run next."""
    with redirect_stdout(sys.stderr), environment(WITHIN_STUDY, "1"):
        return main(argv)
