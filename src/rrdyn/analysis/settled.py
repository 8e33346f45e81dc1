"""One threshold a model: which measurements share it, and which of them sets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rrdyn.analysis.puzzles import MOTIONS, Puzzles
from rrdyn.analysis.thresholds import Tau, Threshold, choose
from rrdyn.artifacts.files import dump_json


def one_run(series: Sequence[Puzzles]) -> bool:
    """Whether these can be checkpoints of one training run: each its own step, no two of other folders or models."""
    steps = [puzzles.step for puzzles in series]
    places = {folder for puzzles in series if (folder := folder_of_weights(puzzles.meta)) is not None}
    models = {dump_json(model) for puzzles in series if isinstance(model := puzzles.meta.get("model"), dict)}
    return None not in steps and len(set(steps)) == len(steps) and len(places) <= 1 and len(models) <= 1


def folder_of_weights(meta: Mapping[str, object]) -> Path | None:
    """Where the run keeps its checkpoints, from what the measurement read; None where that is not told."""
    read = meta.get("inputs")
    if not isinstance(read, dict) or not read:
        return None
    weights = Path(next(iter(read)))
    return weights.parent.parent if weights.name == "model.safetensors" else weights.parent


def own_threshold(puzzles: Puzzles, tau: Tau) -> Threshold:
    """From the puzzles of one file."""
    return choose(puzzles.log_motion(), puzzles.correct, tau, of=MOTIONS[puzzles.settled_by])


def model_threshold(series: Sequence[Puzzles], tau: Tau) -> Threshold:
    """One for all checkpoints of a run: that of the last one.

    The model is what training ended with. All rows together would tell checkpoints apart instead of puzzles: a plateau
    before the first right answer makes a mode of its own.
    """
    return replace(own_threshold(max(series, key=lambda p: p.step or 0), tau), shared=len(series) > 1)


def common_threshold(series: Sequence[Puzzles], tau: Tau) -> Threshold:
    """From the rows of all files together, whatever models they are of."""
    motion = np.concatenate([puzzles.log_motion() for puzzles in series])
    correct = np.concatenate([puzzles.correct for puzzles in series])
    found = choose(motion, correct, tau, of=MOTIONS[series[0].settled_by])
    return replace(found, shared=len(series) > 1)


def thresholds(series: Sequence[Puzzles], tau: Tau) -> list[Threshold]:
    """Of each file: checkpoints of one run share that of the last, other files have their own."""
    if one_run(series):
        return [model_threshold(series, tau)] * len(series)
    return [own_threshold(puzzles, tau) for puzzles in series]
