"""What else could explain the difference: drift, difficulty, the horizon, a threshold that means nothing."""

from __future__ import annotations

import math

import numpy as np

from rrdyn.analysis.areas import auc_intervals, delong_intervals
from rrdyn.analysis.intervals import REPLICATES, bca, rate
from rrdyn.analysis.puzzles import Puzzles
from rrdyn.analysis.ranks import delong
from rrdyn.analysis.thresholds import FLOOR
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.rates import Z95
from rrdyn.artifacts.results import (
    BinRecord,
    ControlsRecord,
    EarlyRecord,
    HorizonRecord,
    HorizonRow,
    MatchedRecord,
    OverlapRecord,
)

EARLY = 4  # segments of the early window
GRID = 256


def matched_auc(score: np.ndarray, label: np.ndarray, by: np.ndarray, bins: int = 10) -> MatchedRecord:
    """AUC among pairs that share a bin of `by` (quantile bins, equal values kept together), all arrays (N,).

    The value is the chance that in a random correct-wrong pair from one bin the correct one scores higher, that is the
    bins' AUCs weighted by their numbers of pairs; the interval is normal with DeLong's variances. Bins with one class
    only are counted and left out.
    """
    edges = np.unique(np.quantile(by, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, by, side="left")
    rows, used = [], []
    for number in range(len(edges) + 1):
        inside = place == number
        if not inside.any():
            continue
        hits, size = int(label[inside].sum()), int(inside.sum())
        found = delong([score[inside]], label[inside])
        value, variance = float(found.aucs[0]), float(found.covariance[0, 0])
        known = math.isfinite(value)
        rows.append(
            BinRecord(
                start=float(by[inside].min()), to=float(by[inside].max()), n=size, n_correct=hits,
                auc=value if known else None,
            )
        )  # fmt: skip
        if known:
            used.append((hits * (size - hits), value, variance))
    pairs = sum(w for w, _, _ in used)
    area = low = high = None
    if used:
        weights = np.array([w for w, _, _ in used], float) / pairs
        area = float(weights @ np.array([value for _, value, _ in used]))
        # a bin with one row in a class has no variance estimate: the largest there can be stands in for it
        variances = np.array([v if math.isfinite(v) else 0.25 for _, _, v in used])
        half = Z95 * math.sqrt(float(weights**2 @ variances))
        low, high = max(0.0, area - half), min(1.0, area + half)
    return MatchedRecord(
        auc=area,
        low=low,
        high=high,
        n=len(label),
        bins=rows,
        bins_used=len(used),
        bins_with_one_class=len(rows) - len(used),
        pairs=pairs,
        unweighted_auc=float(np.mean([value for _, value, _ in used])) if used else None,
        method="delong, stratified" if used else None,
    )


def horizon(puzzles: Puzzles) -> HorizonRecord | None:
    """AUC(-lambda_1 -> correct) from the first h segments, h = 1..S, and the early null; None without `log_r`."""
    if puzzles.log_r is None:
        return None
    label = puzzles.correct
    growth = np.cumsum(puzzles.log_r, axis=1).max(axis=2)  # (N, S): the clock is a common factor and leaves ranks alone
    found = delong_intervals([-growth[:, h] for h in range(growth.shape[1])], label)
    rows = [
        HorizonRow(segments=h, auc=i.value, low=i.low, high=i.high, n=i.n, method=i.method)
        for h, i in enumerate(found, 1)
    ]
    early = rows[min(EARLY, len(rows)) - 1]
    verdict = None
    if early.low is not None and early.high is not None:
        verdict = "reversed" if early.high < 0.5 else "already there" if early.low > 0.5 else "no signal yet"
    return HorizonRecord(rows=rows, early=EarlyRecord(**dict(early), null=0.5, verdict=verdict))


def overlap(puzzles: Puzzles, rng: np.random.Generator, replicates: int = REPLICATES) -> OverlapRecord:
    """How far the late drifts of correct and wrong puzzles overlap, with no threshold at all.

    The overlapping coefficient: the area under the lower of two Gaussian kernel densities of log10 late drift
    (Silverman's width), 0 apart, 1 equal. Rows that stand still weigh in at the floor.
    """
    drift, label = puzzles.log_late_drift(), puzzles.correct
    area = auc_intervals([-drift], label, rng, replicates)[0]
    if min(label.sum(), (~label).sum()) < 3:
        return OverlapRecord(auc=area, overlap=None, correct_slower_than_slowest_wrong=None)
    slowest = float(drift[~label].min())
    ahead = int((drift[label] < slowest).sum())
    return OverlapRecord(
        auc=area,
        overlap=overlap_interval(drift, label, rng, replicates),
        correct_slower_than_slowest_wrong=ahead / int(label.sum()),
        # the slowest wrong puzzle is taken as given: how extreme another sample's would be, no resampling can tell
        intervals={"correct_slower_than_slowest_wrong": rate(ahead, int(label.sum()))},
        slowest_wrong_log10=slowest,
    )


def overlap_interval(drift: np.ndarray, label: np.ndarray, rng: np.random.Generator, replicates: int) -> Interval:
    """Overlap of the late drifts of the right and the wrong, 0 apart to 1 alike, by histogram, with BCa bounds."""
    shown = np.where(drift <= FLOOR, min(drift[drift > FLOOR].min(initial=0.0), 0.0) - 1.0, drift)
    width = max(float(np.ptp(shown)), 1e-6)
    edges = np.linspace(shown.min() - 0.1 * width, shown.max() + 0.1 * width, GRID + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    densities, draws = [], []
    for side in (shown[label], shown[~label]):
        spread = min(float(side.std()), float(np.subtract(*np.percentile(side, [75, 25])) / 1.349) or math.inf)
        bandwidth = max(0.9 * spread * len(side) ** -0.2, edges[1] - edges[0])
        kernel = np.exp(-0.5 * ((centres[:, None] - centres[None]) / bandwidth) ** 2)
        kernel /= kernel.sum(axis=1, keepdims=True)
        counts = np.histogram(side, bins=edges)[0]
        densities.append(counts / len(side) @ kernel)
        draws.append(rng.multinomial(len(side), counts / len(side), replicates) / len(side) @ kernel)
    value = float(np.minimum(*densities).sum())
    low, high = bca(np.minimum(*draws).sum(axis=1), value, 0.0)
    return Interval(value=value, low=low, high=high, n=len(drift), method="bias-corrected bootstrap", level=LEVEL)


def run(puzzles: Puzzles) -> ControlsRecord:
    """All controls of one label."""
    calm, label = -puzzles.lambda_1, puzzles.correct
    difficulty = None
    if puzzles.difficulty is not None and np.isfinite(puzzles.difficulty).any():
        rated = np.isfinite(puzzles.difficulty)
        difficulty = matched_auc(calm[rated], label[rated], puzzles.difficulty[rated])
    return ControlsRecord(
        drift_matched=matched_auc(calm, label, puzzles.log_late_drift()),
        difficulty_binned=difficulty,
        horizon=horizon(puzzles),
    )
