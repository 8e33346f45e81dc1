"""Two measurements of the same puzzles, compared puzzle by puzzle: what one has right and the other has not.

Puzzles that both have right, or both wrong, say nothing about a difference; McNemar's exact test (Biometrika 12 (1947)
153) asks whether the others lean to one side. The interval of the difference is Newcombe's hybrid score interval for
paired proportions (Statist. Med. 17 (1998) 2635, method 10): Wilson's bounds of either rate, and their correlation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rrdyn.analysis.intervals import no_interval, rate
from rrdyn.analysis.labelled import ASKED
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.interval import LEVEL, Interval
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.rates import wilson
from rrdyn.artifacts.record import Count, Meta, Number, Written

RIGHT = {
    "right_budget": "right at the budget",
    "right_end": "right at the end",
    "exact_correct": "right at the last segment",
    "base": "right at the readout",
}
"""Columns (N,) bool that can be compared, and what they say."""


class PairedRecord(Written):
    """One column compared: how many puzzles have it in both, one or neither, the two shares and their difference."""

    n: Count
    both: Count
    only_first: Count
    only_second: Count
    neither: Count
    first: Interval
    second: Interval
    difference: Interval
    """Second minus first."""
    mcnemar_p: Number


class FateChange(Written):
    """Puzzles of one fate in the first and one in the second."""

    first: str
    second: str
    n: Count


class ComparisonRecord(Written):
    """Two files beside each other."""

    n: Count
    columns: dict[str, PairedRecord]
    fates: list[FateChange]
    same_fate: Interval | None


@dataclass(frozen=True, kw_only=True)
class Paired:
    """One yes-or-no column of the same n puzzles in two measurements."""

    name: str
    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def first(self) -> Interval:
        """Share in the first."""
        return rate(self.both + self.only_first, self.n)

    @property
    def second(self) -> Interval:
        return rate(self.both + self.only_second, self.n)

    @property
    def p(self) -> float:
        """McNemar's exact test, two-sided; 1 where nothing differs."""
        from scipy.stats import binomtest

        differing = self.only_first + self.only_second
        return float(binomtest(self.only_first, differing).pvalue) if differing else 1.0

    @property
    def difference(self) -> Interval:
        """Share in the second minus share in the first."""
        if self.n == 0:
            return no_interval(float("nan"), 0, "no puzzle in common")
        p, q = (self.both + self.only_second) / self.n, (self.both + self.only_first) / self.n
        (p_low, p_high), (q_low, q_high) = wilson(p, self.n), wilson(q, self.n)
        phi = self._correlation()

        def reach(one: float, other: float) -> float:
            return math.sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))

        low, high = p - q - reach(p - p_low, q_high - q), p - q + reach(p_high - p, q - q_low)
        return Interval(value=p - q, low=low, high=high, n=self.n, method="newcombe", level=LEVEL)

    def _correlation(self) -> float:
        """Phi of the 2x2 table, with Newcombe's correction where it is positive."""
        a, b, c, d = self.both, self.only_first, self.only_second, self.neither
        margins = (a + b) * (c + d) * (a + c) * (b + d)
        if margins == 0:
            return 0.0
        above = a * d - b * c
        return (max(above - self.n / 2, 0.0) if above > 0 else above) / math.sqrt(margins)

    def record(self) -> PairedRecord:
        """As data."""
        return PairedRecord(
            n=self.n, both=self.both, only_first=self.only_first, only_second=self.only_second, neither=self.neither,
            first=self.first, second=self.second, difference=self.difference, mcnemar_p=self.p,
        )  # fmt: skip

    def sentence(self, first: str, second: str) -> str:
        """In words, of two names."""
        gap = self.difference
        return (
            f"{RIGHT.get(self.name, self.name)}, {second} minus {first}: {gap.value:+.3f} "
            f"[{gap.low:+.3f}, {gap.high:+.3f}] (n={self.n}: {self.only_second} only by {second}, "
            f"{self.only_first} only by {first}; McNemar exact p = {self.p:.2g})"
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two files beside each other: the puzzles they have in common, with a label."""

    columns: dict[str, Paired]
    """Every column of `RIGHT` that both have."""
    fates: dict[tuple[str, str], int]
    """(fate in the first, in the second) -> puzzles, those that occur; empty where a file has no fates."""
    n: int

    @property
    def same_fate(self) -> Interval | None:
        """Share of puzzles with one fate in both; None where there are no fates."""
        if not self.fates:
            return None
        return rate(sum(count for (a, b), count in self.fates.items() if a == b), self.n)

    def record(self) -> ComparisonRecord:
        """As data."""
        return ComparisonRecord(
            n=self.n, columns={name: column.record() for name, column in self.columns.items()},
            fates=[FateChange(first=a, second=b, n=count) for (a, b), count in self.fates.items()],
            same_fate=self.same_fate,
        )  # fmt: skip


def paired(name: str, first: np.ndarray, second: np.ndarray) -> Paired:
    """The counts of two columns (N,) bool of the same puzzles."""
    a, b = np.asarray(first).astype(bool), np.asarray(second).astype(bool)
    return Paired(name=name, both=int((a & b).sum()), only_first=int((a & ~b).sum()), only_second=int((~a & b).sum()),
                  neither=int((~a & ~b).sum()))  # fmt: skip


def compare(first: Artifact, second: Artifact) -> Comparison:
    """Two files of one measurement on the puzzles that both have, by `idx`; those without a label are left out.

    Raises InputError where they are of other kinds, splits or datasets, or have no puzzle in common.
    """
    _check(first, second)
    _, here, there = np.intersect1d(first["idx"], second["idx"], return_indices=True)
    if ASKED in first:
        asked = first[ASKED][here] > 0
        here, there = here[asked], there[asked]
    if len(here) == 0:
        raise InputError(
            f"{shown(first.path)} and {shown(second.path)} have no puzzle with a label in common",
            expected="measurements of the same puzzles",
            run="the same --n and --seed for both",
        )
    columns = {name: paired(name, first[name][here], second[name][there]) for name in RIGHT
               if name in first and name in second}  # fmt: skip
    return Comparison(columns=columns, fates=_fates(first, second, here, there), n=len(here))


def _fates(first: Artifact, second: Artifact, here: np.ndarray, there: np.ndarray) -> dict[tuple[str, str], int]:
    if "fate" not in first or "fate" not in second:
        return {}
    names = first.meta["fates"], second.meta["fates"]
    pairs, counts = np.unique(np.stack([first["fate"][here], second["fate"][there]]), axis=1, return_counts=True)
    return {(names[0][a], names[1][b]): int(count) for (a, b), count in zip(pairs.T, counts)}


def _check(first: Artifact, second: Artifact) -> None:
    for words, of in (("kind", _kind), ("dataset and split", _puzzles)):
        mine, other = of(first.meta), of(second.meta)
        if mine != other:
            raise InputError(f"{shown(first.path)} and {shown(second.path)} are not of one {words}", found=other,
                             expected=mine)  # fmt: skip


def _kind(meta: Meta) -> str | None:
    return meta.get("schema")


def _puzzles(meta: Meta) -> list[str | None]:
    dataset = meta.get("dataset") or {}
    return [dataset.get("digest"), dataset.get("split")]
