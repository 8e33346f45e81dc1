"""A flexible regression: bends, jumps and products of a few variables, taken up one after the other while AIC falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from rrdyn.analysis.logistic import deviance, newton, with_intercept

BENDS = 4  # places of a bend for each variable
JUMPS = 16  # places of a jump, moved to the best row between its neighbours once taken
NEARER = 64  # rows tried there
MOST = 6
KEPT = 1 << 22  # numbers of the functions of all rows that are kept, not made again for each regression
RIDGE = 1.0  # on columns of deviation 1: what one more row of data would weigh
LEAST = 1e-6  # ridge of least squares, which needs none but for columns that repeat one another


class Term(NamedTuple):
    """One function of the variables: `kind` is product, bend (max(0, z - k)) or jump ([z > k])."""

    kind: str
    variable: int
    other: float
    """The second variable of a product; the place k of a bend or jump."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a regression may choose from: the standardised variables z (N, V), always in, and functions of them.

    Squares and products, a bend at 4 and a jump at 16 quantiles of each variable.
    """

    z: np.ndarray
    terms: list[Term]
    kept: np.ndarray | None
    """(N, C) all functions, where there is room for them."""

    @staticmethod
    def of(variables: Mapping[str, np.ndarray]) -> Terms:
        """From variables (N,) each. No label is looked at."""
        z = np.column_stack([standard(values) for values in variables.values()])
        count = z.shape[1]
        terms = [Term("product", one, two) for one, two in combinations_with_replacement(range(count), 2)]
        for kind, number in (("bend", BENDS), ("jump", JUMPS)):
            terms += [Term(kind, place, float(k)) for place in range(count) for k in _places(z[:, place], number)]
        return Terms(z=z, terms=terms, kept=functions(z, terms) if len(z) * len(terms) <= KEPT else None)

    def all(self, rows: np.ndarray) -> np.ndarray:
        """(rows, C) every function."""
        return functions(self.z[rows], self.terms) if self.kept is None else self.kept[rows]

    def table(self, taken: list[Term], rows: np.ndarray, width: int | None = None) -> np.ndarray:
        """(rows, V + width) of the variables and the functions taken; zeros up to the width."""
        z = self.z[rows]
        more = [functions(z, taken)] if taken else []
        empty = [np.zeros((len(z), width - len(taken)))] if width else []
        return np.concatenate([z, *more, *empty], axis=1)


def functions(z: np.ndarray, terms: Sequence[Term]) -> np.ndarray:
    """(N, C) of variables z (N, V)."""
    columns = np.empty((len(z), len(terms)))
    kinds = np.array([term.kind for term in terms])
    one, other = np.array([term.variable for term in terms]), np.array([term.other for term in terms])
    values = z[:, one]
    for kind in ("product", "bend", "jump"):
        mine = kinds == kind
        if kind == "product":
            columns[:, mine] = values[:, mine] * z[:, other[mine].astype(int)]
        else:
            off = values[:, mine] - other[mine]
            columns[:, mine] = np.maximum(off, 0) if kind == "bend" else off > 0
    return columns


def standard(values: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1; 0 where nothing varies. (N,) or (N, P)."""
    off = values - values.mean(axis=0)
    return np.asarray(off / np.maximum(off.std(axis=0), 1e-12))


def _places(values: np.ndarray, number: int) -> np.ndarray:
    return np.unique(np.quantile(values, (np.arange(number) + 1) / (number + 1)))


def chosen(terms: Terms, rows: np.ndarray, target: np.ndarray, *, binary: bool, most: int) -> list[Term]:
    """At most `most` functions that a regression of `target` (N,) on `rows` takes up while its AIC falls.

    At each step the one with the largest score statistic. `binary` is a logistic regression, else least squares.
    """
    z, y = terms.z[rows], target[rows]
    table = terms.all(rows)
    squares = table * table
    picked: list[Term] = []
    design = with_intercept(z)
    fit = _logistic if binary else _least_squares
    fitted = fit(design, y, None)
    for _ in range(most):
        statistic = _scores(table, squares, design, y, fitted)
        term = terms.terms[int(np.argmax(statistic))]
        if term.kind == "jump":
            near = _nearer(terms, term, z)
            values = functions(z, near)
            place = int(np.argmax(_scores(values, values * values, design, y, fitted)))
            term = near[place]
        wider = np.column_stack([design, functions(z, [term])])
        trial = fit(wider, y, fitted.weights)
        if not trial.aic < fitted.aic:
            break
        picked.append(term)
        design, fitted = wider, trial
    return picked


def _nearer(terms: Terms, jump: Term, z: np.ndarray) -> list[Term]:
    """Jumps between the neighbouring places, where the rows have values."""
    places = [term.other for term in terms.terms if term[:2] == jump[:2]]
    at = places.index(jump.other)
    low, high = places[max(at - 1, 0)], places[min(at + 1, len(places) - 1)]
    values = np.unique(z[:, jump.variable])
    values = values[(values >= low) & (values <= high)]
    if len(values) > NEARER:
        values = values[np.linspace(0, len(values) - 1, NEARER).round().astype(int)]
    return [Term("jump", jump.variable, float(k)) for k in values] or [jump]


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    weights: np.ndarray
    mean: np.ndarray
    curvature: np.ndarray
    aic: float


def _logistic(design: np.ndarray, y: np.ndarray, before: np.ndarray | None) -> _Fitted:
    start = None if before is None else np.append(before, 0.0)[None]
    weights, _ = newton(design[None], y[None], ridge=RIDGE, tolerance=1e-2, start=start)
    odds = design @ weights[0]
    p = expit(odds)
    aic = float(deviance(odds[None], y[None])[0]) + 2 * design.shape[1]
    return _Fitted(weights=weights[0], mean=p, curvature=p * (1 - p), aic=aic)


def _least_squares(design: np.ndarray, y: np.ndarray, before: np.ndarray | None) -> _Fitted:
    weights = least_squares(design, y)
    mean = design @ weights
    spread = float(np.square(y - mean).mean())
    aic = len(y) * np.log(max(spread, 1e-300)) + 2 * design.shape[1]
    return _Fitted(weights=weights, mean=mean, curvature=np.ones(len(y)), aic=float(aic))


def least_squares(design: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights (P,) of design (N, P) for y (N,)."""
    return np.asarray(np.linalg.solve(design.T @ design + np.diag(np.full(design.shape[1], LEAST)), design.T @ y))


def _scores(table: np.ndarray, squares: np.ndarray, inside: np.ndarray, y: np.ndarray, fitted: _Fitted) -> np.ndarray:
    """(C,) score statistic of each column of the table beside those of the fitted design; 0 of what it holds."""
    score = (y - fitted.mean) @ table
    weighted = inside * fitted.curvature[:, None]
    across = weighted.T @ table  # (P, C)
    within = weighted.T @ inside + np.diag(np.full(inside.shape[1], 1e-9))
    total = fitted.curvature @ squares
    left = total - (across * np.linalg.solve(within, across)).sum(axis=0)
    return np.where(left > 1e-6 * np.maximum(total, 1e-12), score * score / np.maximum(left, 1e-12), 0.0)
