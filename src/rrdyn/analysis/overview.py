"""The few numbers of a measurement that a person asks first: what a command says when it has written its file.

Puzzles without a label (`asked` of 0) are in none of the rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rrdyn.analysis.labelled import ASKED
from rrdyn.analysis.puzzles import late_window
from rrdyn.analysis.ranks import auc

Arrays = Mapping[str, np.ndarray]


def _judged(arrays: Arrays, n: int) -> np.ndarray:
    """(n,) bool: the puzzles of which something is asked."""
    return arrays[ASKED] > 0 if ASKED in arrays else np.ones(n, dtype=bool)


def _share(flags: np.ndarray) -> float | None:
    return float(flags.mean()) if flags.size else None


def of_diagnosis(arrays: Arrays) -> dict[str, Any]:
    """Of a diag.npz: n judged, accuracy at the last segment, medians of lambda_1 and of late drift by outcome."""
    judged = _judged(arrays, len(arrays["exact_correct"]))
    right = arrays["exact_correct"].astype(bool)
    drift = arrays["drift_zH"]
    late = drift[:, -late_window(drift.shape[1]) :].mean(1)
    first = arrays["lyap_spec"][:, 0]

    def medians(values: np.ndarray) -> dict[str, float | None]:
        known = np.isfinite(values) & judged
        sides = {"success": values[known & right], "failure": values[known & ~right]}
        return {side: float(np.median(part)) if len(part) else None for side, part in sides.items()}

    return {
        "n": int(judged.sum()),
        "unlabelled": int((~judged).sum()),
        "accuracy": _share(right[judged]),
        "lambda_1": medians(first),
        "late_drift": medians(late),
    }


def of_rollout(arrays: Arrays, budget: int) -> dict[str, Any]:
    """Of a rollout.npz: accuracy at the budget and at the end, and what became of the failures at the budget."""
    exact = arrays["exact"].astype(bool)
    judged = _judged(arrays, len(exact))
    exact = exact[judged]
    segments = exact.shape[1]
    budget = min(budget, segments)
    failed = ~exact[:, budget - 1]
    return {
        "n": len(exact),
        "unlabelled": int((~judged).sum()),
        "segments": segments,
        "budget": budget,
        "accuracy_at_budget": _share(exact[:, budget - 1]),
        "accuracy_at_end": _share(exact[:, -1]),
        "failures_at_budget": int(failed.sum()),
        "right_at_end_of_failures": _share(exact[failed, -1]),
        "ever_right_of_failures": _share(exact[failed, budget - 1 :].any(1)),
    }


def of_restarts(arrays: Arrays, readout: int) -> list[dict[str, Any]]:
    """Of a perturb.npz, a row a sigma: what restarts make of the puzzles that fail at the readout, and how far answers
    move."""
    judged = _judged(arrays, len(arrays["base"]))
    failed = ~arrays["base"].astype(bool) & judged
    rows = []
    for number, sigma in enumerate(arrays["sigmas"]):
        correct, solve = arrays["correct"][:, number].astype(bool), arrays["solve"][:, number].astype(bool)
        at_readout = correct[:, :, readout - 1]
        rows.append(
            {
                "sigma": float(sigma),
                "accuracy_at_readout": _share(at_readout[judged]),
                "freed_at_readout": _share(at_readout[failed]),
                "freed_ever": _share(solve[failed]),
                "freed_best_of_K": _share(solve[failed].any(1)),
                "kl_p95": float(np.percentile(arrays["kl"][:, number, :, :readout], 95)),
                "noise_norm": float(arrays["noise_norm"][:, number].mean()),
            }
        )
    return rows


def failures(arrays: Arrays) -> tuple[int, int]:
    """Of a perturb.npz: how many puzzles are judged, and how many of them the clean run gets wrong at the readout."""
    judged = _judged(arrays, len(arrays["base"]))
    return int(judged.sum()), int((~arrays["base"].astype(bool) & judged).sum())


def of_toy(times: Sequence[int], ftle: np.ndarray, success: np.ndarray) -> list[dict[str, Any]]:
    """Of a toy.npz, a row a readout time: success, AUC of -ftle averaged over seeds, median exponents by outcome.

    ftle, success : (times, seeds, trajectories).
    """
    rows = []
    for time, exponents, captured in zip(times, ftle, success):
        areas = [auc(-one, won) for one, won in zip(exponents, captured)]
        known = [area for area in areas if np.isfinite(area)]
        won, lost = exponents[captured], exponents[~captured]
        rows.append(
            {
                "T": time,
                "success": _share(captured),
                "auc": float(np.mean(known)) if known else None,
                "ftle_success": float(np.median(won)) if len(won) else None,
                "ftle_failure": float(np.median(lost)) if len(lost) else None,
                "failures": len(lost),
            }
        )
    return rows
