"""The few numbers of a measurement that a person asks first: what a command says when it has written its file.

Puzzles without a label (`asked` of 0) are in none of the rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rrdyn.analysis.labelled import ASKED
from rrdyn.analysis.puzzles import late_window
from rrdyn.analysis.ranks import auc
from rrdyn.artifacts.record import Count, Number, Written

Arrays = Mapping[str, np.ndarray]


class Medians(Written):
    """Of the right and of the wrong; None where there are none."""

    success: Number | None
    failure: Number | None


class DiagnosisOverview(Written):
    """A diagnosis: n judged, accuracy at the last segment, medians of lambda_1 and of late drift by outcome."""

    n: Count
    unlabelled: Count
    accuracy: Number | None
    lambda_1: Medians
    late_drift: Medians


class DiagnosisRow(DiagnosisOverview):
    """One file of `rrdyn diagnose`."""

    path: str
    diverged: list[int]
    """Puzzles, by their place in the file."""
    fresh: bool
    """Measured now; otherwise it was there already."""


class DiagnosesOverview(Written):
    """The files of `rrdyn diagnose`."""

    results: list[DiagnosisRow]


class RolloutOverview(Written):
    """A rollout: accuracy at the budget and at the end, and what became of the failures at the budget."""

    n: Count
    unlabelled: Count
    segments: Count
    budget: Count
    accuracy_at_budget: Number | None
    accuracy_at_end: Number | None
    failures_at_budget: Count
    right_at_end_of_failures: Number | None
    ever_right_of_failures: Number | None


class RestartsRow(Written):
    """Restarts at one sigma: what they make of the puzzles that fail at the readout, and how far answers move."""

    sigma: Number
    accuracy_at_readout: Number | None
    freed_at_readout: Number | None
    freed_ever: Number | None
    freed_best_of_K: Number | None
    kl_p95: Number
    noise_norm: Number


class CalibrationRange(Written):
    """The KL in nats at the smallest and at the largest noise scale that was tried."""

    floor: Number
    ceiling: Number


class RestartsOverview(Written):
    """A perturbation: a row a sigma; with --calibrate-kl also the scale that was found."""

    rows: list[RestartsRow]
    readout: Count
    n: Count
    sigma_star: Number | None = None
    calibration: CalibrationRange | None = None


class ToyRow(Written):
    """The toy at one readout time: success, AUC of -ftle averaged over seeds, median exponents by outcome."""

    T: Count
    success: Number | None
    auc: Number | None
    ftle_success: Number | None
    ftle_failure: Number | None
    failures: Count


class ToyOverview(Written):
    """`rrdyn toy`: n trajectories for each seed."""

    rows: list[ToyRow]
    n: Count
    seeds: list[int]


def _judged(arrays: Arrays, n: int) -> np.ndarray:
    """(n,) bool: the puzzles of which something is asked."""
    return arrays[ASKED] > 0 if ASKED in arrays else np.ones(n, dtype=bool)


def _share(flags: np.ndarray) -> float | None:
    return float(flags.mean()) if flags.size else None


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if values.size else None


def of_diagnosis(arrays: Arrays) -> DiagnosisOverview:
    """Of a diag.npz."""
    judged = _judged(arrays, len(arrays["exact_correct"]))
    right = arrays["exact_correct"].astype(bool)
    drift = arrays["drift_zH"]
    late = drift[:, -late_window(drift.shape[1]) :].mean(1)
    first = arrays["lyap_spec"][:, 0]

    def medians(values: np.ndarray) -> Medians:
        known = np.isfinite(values) & judged
        return Medians(success=_median(values[known & right]), failure=_median(values[known & ~right]))

    return DiagnosisOverview(
        n=int(judged.sum()),
        unlabelled=int((~judged).sum()),
        accuracy=_share(right[judged]),
        lambda_1=medians(first),
        late_drift=medians(late),
    )


def of_rollout(arrays: Arrays, budget: int) -> RolloutOverview:
    """Of a rollout.npz."""
    exact = arrays["exact"].astype(bool)
    judged = _judged(arrays, len(exact))
    exact = exact[judged]
    segments = exact.shape[1]
    budget = min(budget, segments)
    failed = ~exact[:, budget - 1]
    return RolloutOverview(
        n=len(exact),
        unlabelled=int((~judged).sum()),
        segments=segments,
        budget=budget,
        accuracy_at_budget=_share(exact[:, budget - 1]),
        accuracy_at_end=_share(exact[:, -1]),
        failures_at_budget=int(failed.sum()),
        right_at_end_of_failures=_share(exact[failed, -1]),
        ever_right_of_failures=_share(exact[failed, budget - 1 :].any(1)),
    )


def of_restarts(arrays: Arrays, readout: int) -> list[RestartsRow]:
    """Of a perturb.npz, a row a sigma."""
    judged = _judged(arrays, len(arrays["base"]))
    failed = ~arrays["base"].astype(bool) & judged
    rows = []
    for number, sigma in enumerate(arrays["sigmas"]):
        correct, solve = arrays["correct"][:, number].astype(bool), arrays["solve"][:, number].astype(bool)
        at_readout = correct[:, :, readout - 1]
        rows.append(
            RestartsRow(
                sigma=float(sigma),
                accuracy_at_readout=_share(at_readout[judged]),
                freed_at_readout=_share(at_readout[failed]),
                freed_ever=_share(solve[failed]),
                freed_best_of_K=_share(solve[failed].any(1)),
                kl_p95=float(np.percentile(arrays["kl"][:, number, :, :readout], 95)),
                noise_norm=float(arrays["noise_norm"][:, number].mean()),
            )
        )
    return rows


def failures(arrays: Arrays) -> tuple[int, int]:
    """Of a perturb.npz: how many puzzles are judged, and how many of them the clean run gets wrong at the readout."""
    judged = _judged(arrays, len(arrays["base"]))
    return int(judged.sum()), int((~arrays["base"].astype(bool) & judged).sum())


def of_toy(times: Sequence[int], ftle: np.ndarray, success: np.ndarray) -> list[ToyRow]:
    """Of a toy.npz, a row a readout time.

    ftle, success : (times, seeds, trajectories).
    """
    rows = []
    for time, exponents, captured in zip(times, ftle, success):
        areas = [auc(-one, won) for one, won in zip(exponents, captured)]
        known = [area for area in areas if np.isfinite(area)]
        rows.append(
            ToyRow(
                T=time,
                success=_share(captured),
                auc=float(np.mean(known)) if known else None,
                ftle_success=_median(exponents[captured]),
                ftle_failure=_median(exponents[~captured]),
                failures=int((~captured).sum()),
            )
        )
    return rows
