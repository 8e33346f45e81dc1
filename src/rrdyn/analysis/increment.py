"""Does a number tell more about correctness than the residual, the drift and the halt logit already do?

Nested logistic models, judged on rows they were not fitted on: AUC with the number minus AUC without it, over many
divisions into folds; and a test of conditional independence beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri, stdtr, stdtrit

from rrdyn.analysis.areas import separated
from rrdyn.analysis.folds import FOLDS, SPLITS, Splits, Table, log_odds, residuals
from rrdyn.analysis.independence import Independence, covariance_measure
from rrdyn.analysis.logistic import Curve, deviance
from rrdyn.analysis.ranks import auc
from rrdyn.analysis.terms import MOST, Terms, standard
from rrdyn.artifacts.interval import LEVEL
from rrdyn.artifacts.results import AddedRecord, GainRecord

SMALLEST_CLASS = 20
FEW = 50  # rows in the smaller class below which curves have three knots, not four
POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Mean AUCs of the two nested models over held-out folds, and their difference with its corrected interval."""

    auc_base: float
    auc_full: float
    low: float
    high: float
    p: float
    detectable: float
    """The gain that such data would find in 80% of the cases."""
    between_splits: float
    """Deviation of the difference from one division into folds to another."""
    deviance_gain: float

    @property
    def delta(self) -> float:
        return self.auc_full - self.auc_base

    def record(self) -> GainRecord:
        return GainRecord(
            auc_base=self.auc_base, auc_full=self.auc_full, delta_auc=self.delta, low=self.low, high=self.high,
            level=LEVEL, p=self.p, detectable=self.detectable, between_splits=self.between_splits,
            deviance_gain_out_of_fold=self.deviance_gain,
        )  # fmt: skip

    def told(self) -> str:
        return f"AUC {self.auc_base:.4f} -> {self.auc_full:.4f}, {self.delta:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


@dataclass(frozen=True, kw_only=True)
class Increment:
    """What one number adds: over smooth curves of the base, over its flexible regression, and by the test."""

    added: str
    over: str
    """The base in words."""
    n: int
    smooth: Gain
    flexible: Gain
    independence: Independence

    @property
    def adds(self) -> bool:
        """The one claim that is made: both intervals above 0, and the test beyond its level."""
        return self.smooth.low > 0 and self.flexible.low > 0 and self.independence.p < 1 - LEVEL

    @property
    def detectable(self) -> float:
        return max(self.smooth.detectable, self.flexible.detectable)

    def record(self) -> AddedRecord:
        return AddedRecord(
            added=self.added, n=self.n, adds=self.adds, smooth=self.smooth.record(), flexible=self.flexible.record(),
            independence=self.independence.record(), detectable=self.detectable, says=self.says(),
        )  # fmt: skip

    def says(self) -> str:
        """The result in one sentence."""
        name = {"spectral_mean": "the spectral mean", "fate": "the fate", "log10_path": "the whole path"}.get(
            self.added, self.added
        )
        if self.smooth.auc_base == 1:
            verdict = f"{self.over} already tell every right puzzle from every wrong one; {name} has nothing to add"
        elif self.adds:
            verdict = f"{name} adds to {self.over}"
        elif self.smooth.high < 0:
            verdict = f"{name} makes the prediction worse beside {self.over}"
        elif self.independence.p < 1 - LEVEL:
            verdict = f"no gain in AUC from {name} beside {self.over}, though the test of independence rejects"
        else:
            verdict = f"no sign that {name} adds anything to {self.over}"
        return (
            f"{verdict} ({self.smooth.told()}; flexible base {self.flexible.delta:+.4f} "
            f"[{self.flexible.low:+.4f}, {self.flexible.high:+.4f}]; independence p {self.independence.p:.2g}; "
            f"n={self.n}, {SPLITS} x {FOLDS} folds; a gain of {self.detectable:.3f} would be found in 80%)"
        )


def measure(
    base: Mapping[str, np.ndarray],
    added: Mapping[str, np.ndarray],
    label: np.ndarray,
    *,
    seed: int = 0,
    splits: int = SPLITS,
    over: str = "the base",
) -> list[Increment]:
    """One increment for each of `added` over all of `base` (name -> (N,)), label (N,) bool.

    A number that is added is (N,), and enters as a curve, or (N, D) as it stands: indicators of classes, say.
    Empty where a class has fewer than `SMALLEST_CLASS` rows.
    """
    label = np.asarray(label).astype(bool)
    smaller = int(min(label.sum(), (~label).sum()))
    if smaller < SMALLEST_CLASS:
        return []
    divided, terms = Splits.of(label, seed, splits), Terms.of(base)
    knots = 3 if smaller < FEW else 4
    curves = np.column_stack([_curve(values, knots) for values in base.values()])
    most = max(1, min(MOST, smaller // 10))
    taken = divided.chosen(terms, label, most=most)

    def smooth_base(place: int, rows: np.ndarray) -> np.ndarray:
        return np.asarray(curves[rows])

    def flexible_base(place: int, rows: np.ndarray) -> np.ndarray:
        return terms.table(taken[place], rows, most)

    bases = (smooth_base, flexible_base)
    without = [log_odds(table, label, divided) for table in bases]
    answer = label - expit(without[1]).mean(axis=0)
    found = []
    for name, values in added.items():
        columns = _curve(values, knots) if values.ndim == 1 else standard(values)
        with_it = [log_odds(_beside(table, columns), label, divided) for table in bases]
        smooth, bent = (_gain(one, two, label, divided) for one, two in zip(without, with_it))
        numbers = standard(values.reshape(len(label), -1))
        limit = max(1, min(MOST, len(label) // 20))
        left = np.column_stack([residuals(terms, column, divided, most=limit) for column in numbers.T])
        independence = covariance_measure(answer, left)
        found.append(
            Increment(added=name, over=over, n=len(label), smooth=smooth, flexible=bent, independence=independence)
        )
    return found


def _beside(table: Table, columns: np.ndarray) -> Table:
    return lambda place, rows: np.column_stack([table(place, rows), columns[rows]])


def _curve(values: np.ndarray, knots: int) -> np.ndarray:
    return standard(Curve.through(values, knots).columns(values))


def _gain(without: np.ndarray, with_it: np.ndarray, label: np.ndarray, splits: Splits) -> Gain:
    """From log-odds (R, N) of both models.

    The differences of the R x FOLDS held-out folds; their variance s^2 is that of one fold, of the training rows drawn
    and of the division. Divisions share their rows, so the error of the mean is s^2 (1 / (R FOLDS) + 1 / (FOLDS - 1)):
    Nadeau and Bengio's correction (2003) as Bouckaert and Frank (2004) have it for repeated cross-validation.
    """
    areas = np.array([
        [auc(odds[number, held], label[held]) for odds in (without, with_it)] for number, _, held in splits.parts
    ])  # fmt: skip
    gaps = areas[:, 1] - areas[:, 0]
    count, delta = len(gaps), float(gaps.mean())
    error = float(gaps.std(ddof=1)) * math.sqrt(1 / count + 1 / (FOLDS - 1))
    reach = float(stdtrit(count - 1, 0.5 + LEVEL / 2))
    half = reach * error
    if error == 0:  # both models order every pair alike: what n rows of such data still allow is all that can be said
        half = 1 - (separated(float(areas[:, 0].mean()), int(label.sum()), int((~label).sum())).low or 0.0)
    return Gain(
        auc_base=float(areas[:, 0].mean()), auc_full=float(areas[:, 1].mean()), low=delta - half, high=delta + half,
        p=float(2 * stdtr(count - 1, -abs(delta) / error)) if error > 0 else 1.0,
        detectable=half / reach * (reach + float(ndtri(POWER))),
        between_splits=float(gaps.reshape(-1, FOLDS).mean(axis=1).std(ddof=1)),
        deviance_gain=float((deviance(without, label) - deviance(with_it, label)).mean()),
    )  # fmt: skip
