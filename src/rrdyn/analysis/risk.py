"""Selective prediction: risk against coverage, the area under that curve, and calibration of a probability."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from rrdyn.analysis.intervals import REPLICATES, bca, no_interval, rate, resampled_counts
from rrdyn.analysis.logistic import fit_logistic
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.selection import CalibrationBin, CalibrationCurve

CALIBRATION_BINS = 10


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage i/n and risk of the i most confident rows, i = 1..n (Geifman & El-Yaniv 2017).

    `confidence` (N,), `right` (N,) in [0, 1]. Rows of equal confidence come in random order: their expected risk.
    """
    wrong, _ = _ordered(confidence, right)
    count = np.arange(1, len(wrong) + 1)
    return count / len(wrong), np.cumsum(wrong) / count


def _ordered(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected error of each row in falling order of confidence, and that order."""
    order = np.argsort(-confidence, kind="stable")
    wrong = 1.0 - np.asarray(right, dtype=float)[order]
    _, group = np.unique(-confidence[order], return_inverse=True)
    return (np.bincount(group, weights=wrong) / np.bincount(group))[group], order


def aurc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Area under the risk-coverage curve: the mean risk over all coverages; lower is better."""
    return float(risk_coverage(confidence, right)[1].mean()) if len(right) else float("nan")


def perfect_aurc(right: np.ndarray) -> float:
    """The area that an ordering with all right answers first would have."""
    return aurc(np.asarray(right, dtype=float), right)


def aurc_interval(
    confidence: np.ndarray, right: np.ndarray, rng: np.random.Generator, replicates: int = REPLICATES
) -> Interval:
    """Bias-corrected bootstrap over puzzles, the order of confidence kept."""
    value, n = aurc(confidence, right), len(right)
    if n < 3:
        return no_interval(value, n, "fewer than 3 rows")
    wrong, _ = _ordered(confidence, right)
    drawn = []
    for block in resampled_counts(n, replicates, rng):
        counts = block.astype(np.float64)
        covered = np.cumsum(counts, axis=1)
        drawn.append((counts * np.cumsum(counts * wrong, axis=1) / np.maximum(covered, 1)).sum(axis=1) / n)
    draws = np.concatenate(drawn)
    if draws.min() == draws.max():
        return no_interval(value, n, "no spread over puzzles")
    low, high = bca(draws, value, 0.0)
    return Interval(value=value, low=low, high=high, n=n, method="bias-corrected bootstrap", level=LEVEL)


def calibration(logit: np.ndarray, right: np.ndarray, puzzle: np.ndarray) -> CalibrationCurve:
    """How far sigmoid(logit) (M,) is the chance of being right (M,), in ten equal bins.

    `puzzle` (M,) names the puzzle of each row: restarts of one puzzle are not independent, so a bin's interval counts
    its puzzles, not its rows. ECE: mean distance of confidence and accuracy. Slope 1 and intercept 0 are perfect.
    """
    known = np.isfinite(logit)
    logit, right, puzzle = logit[known], right[known].astype(bool), puzzle[known]
    probability = expit(logit)
    place = np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = []
    for number in range(CALIBRATION_BINS):
        inside = place == number
        if not inside.any():
            continue
        puzzles = len(np.unique(puzzle[inside]))
        share = float(right[inside].mean())
        bounds = rate(round(share * puzzles), puzzles)
        rows.append(
            CalibrationBin(
                bin=number,
                confidence=float(probability[inside].mean()),
                accuracy=share,
                low=min(bounds.low or 0.0, share),
                high=max(1.0 if bounds.high is None else bounds.high, share),
                n=int(inside.sum()),
            )
        )
    total = max(len(right), 1)
    intercept = slope = None
    if len(right) and 0 < right.mean() < 1 and logit.std() > 0:
        fit = fit_logistic(logit[:, None], right, ridge=1e-6)
        intercept, slope = fit.intercept, float(fit.slopes[0])
    return CalibrationCurve(
        n=len(right),
        puzzles=len(np.unique(puzzle)),
        ece=sum(row.n * abs(row.confidence - row.accuracy) for row in rows) / total,
        brier=float(((probability - right) ** 2).mean()) if len(right) else None,
        intercept=intercept,
        slope=slope,
        bins=rows,
    )
