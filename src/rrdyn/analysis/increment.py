"""Does an exponent tell more about correctness than late drift and the halt logit already do?

Nested logistic models, judged on rows they were not fitted on: AUC with the exponent minus AUC without it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from rrdyn.analysis.intervals import delong_intervals, separated
from rrdyn.analysis.logistic import Curve, fit_logistic
from rrdyn.analysis.puzzles import Puzzles
from rrdyn.analysis.ranks import delong
from rrdyn.artifacts.interval import LEVEL
from rrdyn.artifacts.rates import Z95
from rrdyn.artifacts.results import AddedRecord, IncrementRecord
from rrdyn.runtime.streams import generator

FOLDS = 5
RIDGE = 1e-2  # on standardised columns: keeps separated classes finite, moves nothing where there are data
FIT_ROWS = 50_000  # a model of a dozen coefficients gains nothing from more
SMALLEST_CLASS = 20
SHARED_TRAINING = math.sqrt(1 + FOLDS / (FOLDS - 1))  # 1.5
"""DeLong's error takes both models as given, but they are fitted: a useless column costs the larger one some AUC out of
fold. Only the bound above is therefore widened, by Nadeau and Bengio's factor (2003) for K folds that share their rows,
(1/K + 1/(K - 1)) over 1/K; below, DeLong's own error is already safe."""


@dataclass(frozen=True, kw_only=True)
class Increment:
    """Out-of-fold AUCs of the two nested models and their difference with DeLong's interval, widened above."""

    added: str
    shape: str
    auc_base: float
    auc_full: float
    delta: float
    low: float
    high: float
    p: float
    n: int
    deviance_gain: float

    def record(self) -> AddedRecord:
        return AddedRecord(
            added=self.added,
            shape=self.shape,
            auc_base=self.auc_base,
            auc_full=self.auc_full,
            delta_auc=self.delta,
            low=self.low,
            high=self.high,
            level=LEVEL,
            p=self.p,
            n=self.n,
            deviance_gain_out_of_fold=self.deviance_gain,
            says=self.says(),
        )

    def says(self) -> str:
        """The result in one sentence."""
        name = {"lambda_1": "lambda_1", "spectral_mean": "the spectral mean"}.get(self.added, self.added)
        change = (
            f"AUC {self.auc_base:.4f} -> {self.auc_full:.4f}, {self.delta:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"
        )
        if self.auc_base == 1:
            verdict = (
                f"late drift and q_halt already tell every right puzzle from every wrong one; {name} has nothing to add"
            )
        elif self.low > 0:
            verdict = f"{name} adds to late drift and q_halt"
        elif self.high < 0:
            verdict = f"{name} makes the prediction worse beside late drift and q_halt"
        else:
            verdict = f"no sign that {name} adds anything to late drift and q_halt"
        return f"{verdict} ({change}, n={self.n}, {FOLDS}-fold)"


def measure(
    base: dict[str, np.ndarray],
    added: dict[str, np.ndarray],
    label: np.ndarray,
    *,
    seed: int = 0,
    shape: str = "spline",
) -> list[Increment]:
    """One increment for each of `added` over all of `base` (name -> (N,)), label (N,) bool.

    `shape` is "spline" (natural cubic curves of each variable and the products of the base variables) or "linear".
    Empty where a class has fewer than `SMALLEST_CLASS` rows.
    """
    label = np.asarray(label).astype(bool)
    if min(label.sum(), (~label).sum()) < SMALLEST_CLASS:
        return []
    fold = _folds(label, generator(seed, "increment", "folds"))
    without = _out_of_fold(base, {}, label, fold, shape, seed)
    found = []
    for name, values in added.items():
        with_it = _out_of_fold(base, {name: values}, label, fold, shape, seed)
        found.append(_compare(name, shape, without, with_it, label))
    return found


def _compare(name: str, shape: str, without: np.ndarray, with_it: np.ndarray, label: np.ndarray) -> Increment:
    areas = delong([with_it, without], label)
    delta, error = areas.difference(0, 1)
    down, up = Z95 * error, Z95 * error * SHARED_TRAINING
    if error == 0:  # both models order every pair alike: what n rows of such data still allow is all that can be said
        down = up = 1 - (separated(float(areas.aucs[1]), int(label.sum()), int((~label).sum())).low or 0.0)
    return Increment(
        added=name,
        shape=shape,
        auc_base=float(areas.aucs[1]),
        auc_full=float(areas.aucs[0]),
        delta=delta,
        low=delta - down,
        high=delta + up,
        p=_two_sided(delta, error if delta > 0 else error * SHARED_TRAINING),
        n=len(label),
        deviance_gain=_deviance(without, label) - _deviance(with_it, label),
    )


def _two_sided(delta: float, error: float) -> float:
    return float(2 * ndtr(-abs(delta) / error)) if error > 0 else float(delta == 0)


def _deviance(log_odds: np.ndarray, label: np.ndarray) -> float:
    return float(2 * np.logaddexp(0, np.where(label, -log_odds, log_odds)).sum())


def _folds(label: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N,) fold of each row, each class dealt out evenly."""
    fold = np.empty(len(label), dtype=np.int64)
    for value in (True, False):
        rows = rng.permutation(np.flatnonzero(label == value))
        fold[rows] = np.arange(len(rows)) % FOLDS
    return fold


def _out_of_fold(
    base: dict[str, np.ndarray],
    extra: dict[str, np.ndarray],
    label: np.ndarray,
    fold: np.ndarray,
    shape: str,
    seed: int,
) -> np.ndarray:
    """(N,) log-odds of each row from the model fitted on the other folds."""
    log_odds = np.empty(len(label))
    for number in range(FOLDS):
        held = fold == number
        rows = np.flatnonzero(~held)
        if len(rows) > FIT_ROWS:
            rows = generator(seed, "increment", "rows", number).choice(rows, FIT_ROWS, replace=False)
        fitted = {name: values[rows] for name, values in (base | extra).items()}
        curves = {name: Curve.through(values) for name, values in fitted.items()}
        x, scale = _design(fitted, curves, list(base), shape)
        model = fit_logistic(x, label[rows], ridge=RIDGE)
        shown = {name: values[held] for name, values in (base | extra).items()}
        log_odds[held] = model.log_odds(_design(shown, curves, list(base), shape, scale)[0])
    return log_odds


def _design(
    values: dict[str, np.ndarray],
    curves: dict[str, Curve],
    base: list[str],
    shape: str,
    scale: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    blocks = {name: curves[name].columns(column) for name, column in values.items()}
    if shape == "linear":
        x = np.column_stack([block[:, 0] for block in blocks.values()])
    else:
        # a surface over the base variables, so that an exponent which only bends them adds nothing
        products = [
            blocks[one][:, i] * blocks[two][:, j]
            for place, one in enumerate(base)
            for two in base[place + 1 :]
            for i in range(blocks[one].shape[1])
            for j in range(blocks[two].shape[1])
        ]
        x = np.column_stack([*blocks.values(), *products])
    if scale is None:
        scale = np.maximum(x.std(axis=0), 1e-12)
    return x / scale, scale


def of_puzzles(puzzles: Puzzles, *, seed: int = 0) -> IncrementRecord:
    """The increment of lambda_1 and of the spectral mean over log10 late drift and the last q_halt."""
    base = {"log10_late_drift": puzzles.log_late_drift(), "q_halt": puzzles.q_last}
    added = {"lambda_1": puzzles.lambda_1, "spectral_mean": puzzles.spectral_mean}
    if puzzles.k == 1:
        added.pop("spectral_mean")
    label = puzzles.correct
    spline, linear = (
        {found.added: found.record() for found in measure(base, added, label, seed=seed, shape=shape)}
        for shape in ("spline", "linear")
    )
    if spline:
        says, halt = spline["lambda_1"].says, {"q_halt_alone": delong_intervals([puzzles.q_last], label)[0]}
    else:
        few = int(min(label.sum(), (~label).sum()))
        says, halt = f"not measured: {few} puzzles in the smaller class, {SMALLEST_CLASS} are needed", {}
    return IncrementRecord(over=list(base), folds=FOLDS, n=puzzles.n, spline=spline, linear=linear, **halt, says=says)
