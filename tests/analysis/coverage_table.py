"""How often 95% intervals hold the truth, over simulated data sets: the table of docs/analysis.md.

python -m tests.analysis.coverage_table            # prints the table; minutes on one core
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from rrdyn.analysis.escape import Escapes, fit_exponential
from rrdyn.analysis.intervals import Interval, auc_intervals, delong_intervals, median_difference
from rrdyn.runtime.streams import generator

DATA_SETS = 2000


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table; `inside` says whether the promise of 95 +- 1.5% covers it."""

    what: str
    data: str
    method: str
    inside: bool
    truth: float
    draw: Callable[[np.random.Generator], Interval]

    @property
    def name(self) -> str:
        return f"{self.what}, {self.data}, {self.method}"

    def coverage(self, data_sets: int = DATA_SETS) -> tuple[float, float]:
        """Share of data sets whose interval holds the truth, and the share of data sets that had an interval."""
        found = [self.draw(generator(seed, "coverage", self.what, self.data)) for seed in range(data_sets)]
        bounded = [interval for interval in found if interval.low is not None]
        return float(np.mean([interval.covers(self.truth) for interval in bounded])), len(bounded) / data_sets


def settings() -> Iterator[Setting]:
    yield from _areas()
    yield from _contrasts()
    yield from _rates()


def _areas() -> Iterator[Setting]:
    sizes = [(100, 100, area, True) for area in (0.6, 0.75, 0.9, 0.95)]
    sizes += [
        (100, 400, 0.6, True),
        (400, 100, 0.95, True),
        (30, 30, 0.9, False),
        (100, 100, 0.99, False),
        (20, 400, 0.95, False),
    ]
    for m, n, area, inside in sizes:
        data = f"normal, {m} + {n}, AUC {area}"
        yield Setting(what="AUC", data=data, method="bca", inside=inside, truth=area, draw=_area(m, n, area, False))
        yield Setting(what="AUC", data=data, method="delong", inside=inside, truth=area, draw=_area(m, n, area, True))


def _area(m: int, n: int, area: float, closed: bool) -> Callable[[np.random.Generator], Interval]:
    shift = float(ndtri(area) * np.sqrt(2))
    label = np.repeat([True, False], [m, n])

    def draw(rng: np.random.Generator) -> Interval:
        score = rng.normal(size=m + n) + shift * label
        return delong_intervals([score], label)[0] if closed else auc_intervals([score], label, rng)[0]

    return draw


def _contrasts() -> Iterator[Setting]:
    for m, n, inside in ((100, 100, True), (101, 400, True), (1000, 300, True), (15, 15, False), (5, 200, False)):
        for shape, make in (("normal", lambda z: z), ("lognormal", np.exp)):

            def draw(rng: np.random.Generator, m: int = m, n: int = n, make: Callable = make) -> Interval:  # type: ignore[type-arg]
                first, second = make(rng.normal(size=m)), 2 * make(rng.normal(size=n))
                return median_difference(first, second, rng)

            truth = 0.0 if shape == "normal" else -1.0
            yield Setting(
                what="contrast", data=f"{shape}, {m} + {n}", method="bca", inside=inside, truth=truth, draw=draw
            )


def _rates() -> Iterator[Setting]:
    for n, censored, inside in (
        (100, 0.0, True), (200, 0.5, True), (500, 0.8, True), (100, 0.8, False), (60, 0.95, False), (30, 0.5, False)
    ):  # fmt: skip
        horizon = 112
        rate = 0.1 if censored == 0 else float(-np.log(censored) / horizon)
        end = 10**6 if censored == 0 else horizon

        def draw(rng: np.random.Generator, n: int = n, rate: float = rate, end: int = end) -> Interval:
            time = np.ceil(rng.exponential(1 / rate, n))
            return fit_exponential(Escapes.of(np.minimum(time, end), time <= end)).rate

        data = f"n = {n}, {censored:.0%} censored"
        yield Setting(what="escape rate", data=data, method="profile likelihood", inside=inside, truth=rate, draw=draw)


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for setting in settings():
        if wanted in setting.name:
            share, bounded = setting.coverage()
            mark = "" if setting.inside else " (outside)"
            print(
                f"| {setting.what} | {setting.data}{mark} | {setting.method} | {share:.1%} | {bounded:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
