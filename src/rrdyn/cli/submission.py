"""A command as jobs of a cluster, each with arguments of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rrdyn.artifacts.errors import UsageError
from rrdyn.cli.command import Outcome


def submitted(name: str, argv: Sequence[str], shares: Sequence[Sequence[str]], folder: Path,
              settings: Sequence[str]) -> Outcome:  # fmt: skip
    """Submit the command line once for each of `shares`, which is added to it."""
    from rrdyn.cli.results import Unfinished

    line = [*name.split(), *without(argv)]
    jobs = sent([[*line, *share] for share in shares], folder, settings)
    return Outcome(data=Unfinished(complete=False, jobs=jobs), text=told(jobs, folder))


def sent(
    lines: Sequence[Sequence[str]], folder: Path, settings: Sequence[str], *, at_once: int | None = None
) -> list[str]:
    """Submit command lines of ours; the identifiers of their jobs."""
    from rrdyn.runtime.cluster import submit
    from rrdyn.training.recipes import settings_from

    given = settings_from(tuple(settings), option="--job")
    if odd := [key for key, value in given.items() if not isinstance(value, str | int | float | bool)]:
        raise UsageError(f"--job {odd[0]}: the value is no text, number or flag", found=given[odd[0]])
    plain = {key: value for key, value in given.items() if isinstance(value, str | int | float | bool)}
    return submit([[sys.executable, "-m", "rrdyn", *line] for line in lines], folder, plain, at_once=at_once)


def told(jobs: Sequence[str], folder: Path) -> str:
    few = ", ".join(jobs[:3]) + (f", ... {jobs[-1]}" if len(jobs) > 3 else "")
    return f"{len(jobs)} jobs: {few}; what they say is in {folder}"


def without(argv: Sequence[str]) -> list[str]:
    """A command line without --submit and --job and what belongs to them."""
    kept: list[str] = []
    dropping = 0  # of the words that follow: one for --submit, all up to the next option for --job
    for word in argv:
        if word.startswith("--"):
            name, equals, _ = word.partition("=")
            dropping = {"--submit": 1, "--job": len(argv)}.get(name, 0)
            if name in ("--submit", "--job"):
                dropping = 0 if equals else dropping
                continue
        if dropping:
            dropping -= 1
            continue
        kept.append(word)
    return kept
