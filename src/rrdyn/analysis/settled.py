"""One threshold a model: which measurements share it, and which of them sets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from rrdyn.analysis.puzzles import MOTIONS, Puzzles
from rrdyn.analysis.thresholds import Tau, Threshold, choose


def own_threshold(puzzles: Puzzles, tau: Tau) -> Threshold:
    """From the puzzles of one file."""
    return choose(puzzles.log_motion(), puzzles.correct, tau, of=MOTIONS[puzzles.settled_by])


def model_threshold(series: Sequence[Puzzles], tau: Tau) -> Threshold:
    """One for all files of a model: that of the last one, in the order given.

    The model is what training ended with. All rows together would tell checkpoints apart instead of puzzles: a plateau
    before the first right answer makes a mode of its own.
    """
    return replace(own_threshold(series[-1], tau), shared=len(series) > 1)


def common_threshold(series: Sequence[Puzzles], tau: Tau) -> Threshold:
    """From the rows of all files together, whatever models they are of."""
    motion = np.concatenate([puzzles.log_motion() for puzzles in series])
    correct = np.concatenate([puzzles.correct for puzzles in series])
    found = choose(motion, correct, tau, of=MOTIONS[series[0].settled_by])
    return replace(found, shared=len(series) > 1)


def thresholds(series: Sequence[Puzzles], tau: Tau) -> list[Threshold]:
    """Of each file: files of one training run share that of their last checkpoint, others have their own."""
    runs: dict[str, list[Puzzles]] = {}
    for place, puzzles in enumerate(series):
        runs.setdefault(training_run(puzzles) or f"#{place}", []).append(puzzles)
    of_run = {name: model_threshold(sorted(members, key=lambda p: p.step or 0), tau) for name, members in runs.items()}
    return [of_run[training_run(puzzles) or f"#{place}"] for place, puzzles in enumerate(series)]


def training_run(puzzles: Puzzles) -> str | None:
    """The training run of the checkpoint, from the file's provenance; None where that names none, or no step."""
    inputs = puzzles.meta.get("inputs")
    if not isinstance(inputs, dict) or puzzles.step is None:
        return None
    for path in map(PurePath, inputs):
        if "checkpoints" in path.parts:
            end = len(path.parts) - 1 - path.parts[::-1].index("checkpoints")
            return "/".join(path.parts[:end])
    return None
