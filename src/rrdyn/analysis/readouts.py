"""The toy read out at several times: share of successes and AUC of the exponent, seed by seed, with mean and range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rrdyn.analysis.ranks import auc


@dataclass(frozen=True)
class Curve:
    """Mean, lowest and highest over seeds, (R,) at the readout times where any seed has a value."""

    times: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def over_times(times: np.ndarray, ftle: np.ndarray, success: np.ndarray) -> dict[str, Curve]:
    """ "AUC" (of -exponent for success) and "success" over readout times; `ftle`, `success` are (R, seeds, n)."""
    ftle, success = ftle.astype(float), success > 0
    areas = np.array([[auc(-ftle[r, z], success[r, z]) for z in range(ftle.shape[1])] for r in range(times.size)])
    return {"AUC": _curve(times, areas), "success": _curve(times, success.mean(axis=2))}


def _curve(times: np.ndarray, values: np.ndarray) -> Curve:
    rows = np.flatnonzero(np.isfinite(values).any(axis=1))
    if not rows.size:
        return Curve(times[rows], *(np.zeros(0),) * 3)
    return Curve(times[rows], *(f(values[rows], axis=1) for f in (np.nanmean, np.nanmin, np.nanmax)))
