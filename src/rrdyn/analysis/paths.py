"""Every puzzle's path through the segments: its cell, and the leading exponent measured so far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rrdyn.analysis.cells import letters
from rrdyn.analysis.puzzles import Puzzles
from rrdyn.analysis.settled import own_threshold
from rrdyn.analysis.thresholds import Tau
from rrdyn.artifacts.errors import InputError


def cells_by_own_threshold(puzzles: Puzzles) -> np.ndarray:
    """(N,) letters A to D by the threshold that the analysis takes for this file alone."""
    return letters(own_threshold(puzzles, Tau()).settled(puzzles.log_motion()), puzzles.correct)


def cells_from_points(puzzles: Puzzles, points: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    """(N,) letters of an analysis, from the columns `idx` and `cell` of its points; InputError where a puzzle has
    no row in them."""
    by_index = dict(zip(points["idx"].astype(int).tolist(), points["cell"].tolist()))
    missing = [int(idx) for idx in puzzles.idx if int(idx) not in by_index]
    if missing:
        raise InputError(
            f"{path} and {puzzles.path} hold other puzzles",
            found=f"no row for idx {missing[0]}",
            expected="the points of this file",
        )
    return np.array([by_index[int(idx)] for idx in puzzles.idx])


def running_exponent(puzzles: Puzzles) -> tuple[np.ndarray | None, str]:
    """(N, S) leading exponent over segments 1 … t, with its unit; None where the file holds no log_r."""
    if puzzles.log_r is None:
        return None, "nats per sub-update"
    so_far = np.cumsum(puzzles.log_r, axis=1) / np.arange(1, puzzles.segments + 1)[None, :, None]
    leading = so_far.max(axis=2)
    if puzzles.sub_updates is None:
        return leading, "nats per segment"
    return leading / puzzles.sub_updates, "nats per sub-update"


def median_path(rows: np.ndarray) -> np.ndarray:
    """(S,) median over puzzles of (N, S) paths."""
    return np.asarray(np.median(rows, axis=0))
