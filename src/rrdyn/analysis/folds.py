"""Rows dealt out into folds again and again, and predictions for rows that a model was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from rrdyn.analysis.logistic import newton, with_intercept
from rrdyn.analysis.terms import RIDGE, Term, Terms, chosen, least_squares
from rrdyn.runtime.streams import generator

FOLDS = 5
SPLITS = 10
FIT_ROWS = 2_000  # a model of two dozen coefficients gains little from more
AT_ONCE = 1 << 21  # numbers of the designs that are fitted together


class Part(NamedTuple):
    """One fold of one division: the rows to fit on, and those held out."""

    split: int
    rows: np.ndarray
    held: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Splits:
    """R divisions of N rows into folds, a part each fold: in the order of the divisions."""

    parts: list[Part]
    count: int

    @staticmethod
    def of(label: np.ndarray, seed: int, count: int = SPLITS) -> Splits:
        """Each class dealt out evenly, by a stream of its own in each division; at most `FIT_ROWS` to fit on."""
        parts = []
        for split in range(count):
            fold, rng = np.empty(len(label), dtype=np.int64), generator(seed, "increment", "folds", split)
            for value in (True, False):
                mine = rng.permutation(np.flatnonzero(label == value))
                fold[mine] = np.arange(len(mine)) % FOLDS
            for place in range(FOLDS):
                rows = np.flatnonzero(fold != place)
                if len(rows) > FIT_ROWS:
                    rng = generator(seed, "increment", "rows", split, place)
                    rows = np.sort(rng.choice(rows, FIT_ROWS, replace=False))
                parts.append(Part(split, rows, np.flatnonzero(fold == place)))
        return Splits(parts=parts, count=count)

    def chosen(self, terms: Terms, label: np.ndarray, *, most: int) -> list[list[Term]]:
        """What a flexible regression of the label takes up in each part, from the rows that it is fitted on."""
        return [chosen(terms, part.rows, label.astype(float), binary=True, most=most) for part in self.parts]


Table = Callable[[int, np.ndarray], np.ndarray]
"""The columns (rows, C) of a regression, from the place of its part and the rows asked for."""


def log_odds(table: Table, label: np.ndarray, splits: Splits) -> np.ndarray:
    """(R, N) log-odds of each row from logistic regressions on the other folds."""
    y = label.astype(float)
    odds = np.empty((splits.count, len(label)))
    for places in _together(splits.parts, table(0, np.arange(1)).shape[1] + 1):
        parts = [splits.parts[place] for place in places]
        designs = np.stack([with_intercept(table(place, splits.parts[place].rows)) for place in places])
        weights, _ = newton(designs, np.stack([y[part.rows] for part in parts]), ridge=RIDGE, tolerance=1e-4)
        for place, part, weight in zip(places, parts, weights):
            odds[part.split, part.held] = weight[0] + table(place, part.held) @ weight[1:]
    return odds


def _together(parts: Sequence[Part], width: int) -> Iterator[list[int]]:
    """Places of parts that are fitted together: of as many rows each, and not too many."""
    order = sorted(range(len(parts)), key=lambda place: len(parts[place].rows))
    for length, alike in groupby(order, key=lambda place: len(parts[place].rows)):
        places, size = list(alike), max(1, AT_ONCE // (length * width))
        yield from (places[start : start + size] for start in range(0, len(places), size))


def residuals(terms: Terms, target: np.ndarray, splits: Splits, *, most: int) -> np.ndarray:
    """(N,) target minus its out-of-fold least squares prediction by `terms`, averaged over the divisions.

    What the regression takes up is chosen once, on all rows (at most `FIT_ROWS`): it does not look at the label.
    """
    spread = np.unique(np.linspace(0, len(target) - 1, min(len(target), FIT_ROWS)).round().astype(int))
    taken = chosen(terms, spread, target, binary=False, most=most)
    predicted = np.zeros(len(target))
    for part in splits.parts:
        weights = least_squares(with_intercept(terms.table(taken, part.rows)), target[part.rows])
        predicted[part.held] += with_intercept(terms.table(taken, part.held)) @ weights
    return target - predicted / splits.count
