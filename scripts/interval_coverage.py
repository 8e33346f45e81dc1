"""How often 95% intervals hold the truth, over simulated data sets: one row for every kind of interval that is printed.

    python scripts/interval_coverage.py [--out docs/statistics] [--only WORDS] [--data-sets 400]

Writes `coverage.csv`, a row as soon as it is measured, and from it `coverage.md`. Started again it goes on with the
rows that are missing. Every data set has a stream of its own.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri
from tabulate import tabulate

from rrdyn.analysis.areas import auc_intervals, careful, delong_intervals
from rrdyn.analysis.controls import matched_auc, overlap_interval
from rrdyn.analysis.escape import Escapes, fit_cure, fit_exponential, fit_weibull
from rrdyn.analysis.escape_comparison import Failures, compare
from rrdyn.analysis.intervals import mean, mean_over_seeds, median, median_difference, rate
from rrdyn.analysis.kaplan_meier import kaplan_meier
from rrdyn.analysis.risk import aurc, aurc_interval
from rrdyn.artifacts.files import make_folder, replacing, write_text
from rrdyn.artifacts.interval import Interval
from rrdyn.dynamics.exponents import batch_means
from rrdyn.dynamics.late_exponent import late_exponent
from rrdyn.runtime.streams import generator

DATA_SETS = 1000
REPLICATES = 1000  # of a bootstrap; commands take 2,000
FIELDS = ("quantity", "data", "method", "promised", "data_sets", "given", "covered", "low", "high")
Bounds = tuple[float, float] | None
"""None where no interval is given."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table; `promised` says whether the method is meant for such data."""

    quantity: str
    data: str
    method: str
    promised: bool
    truth: float
    draw: Callable[[np.random.Generator], Bounds]

    @property
    def name(self) -> str:
        return f"{self.quantity}, {self.data}, {self.method}"

    def measure(self, data_sets: int) -> dict[str, object]:
        """Share of data sets that had an interval, and the share of those whose interval holds the truth (Wilson)."""
        found = [self.draw(generator(number, "coverage", self.quantity, self.data)) for number in range(data_sets)]
        given = [bounds for bounds in found if bounds is not None]
        held = rate(sum(low <= self.truth <= high for low, high in given), len(given))
        return {
            "quantity": self.quantity, "data": self.data, "method": self.method, "promised": int(self.promised),
            "data_sets": data_sets, "given": f"{len(given) / data_sets:.4f}",
            **{key: "" if value is None else f"{value:.4f}" for key, value in
               (("covered", held.value), ("low", held.low), ("high", held.high))},
        }  # fmt: skip


def of(interval: Interval) -> Bounds:
    return None if interval.low is None or interval.high is None else (interval.low, interval.high)


def settings() -> Iterator[Setting]:
    yield from _shares()
    yield from _medians_and_means()
    yield from _areas()
    yield from _escapes()
    yield from _seeds()
    yield from _exponents()


def _shares() -> Iterator[Setting]:
    for n, p, promised in ((100, 0.5, True), (512, 0.1, True), (64, 0.05, True), (30, 0.02, False)):

        def draw(rng: np.random.Generator, n: int = n, p: float = p) -> Bounds:
            return of(rate(int(rng.binomial(n, p)), n))

        yield Setting(quantity="share", data=f"n = {n}, p = {p:g}", method="Wilson; rule of three at 0 and n",
                      promised=promised, truth=p, draw=draw)  # fmt: skip


def _medians_and_means() -> Iterator[Setting]:
    for n, promised in ((100, True), (15, False)):
        yield Setting(quantity="median", data=f"lognormal, n = {n}", method="BCa", promised=promised, truth=1.0,
                      draw=lambda rng, n=n: of(median(np.exp(rng.normal(size=n)), rng, REPLICATES)))  # fmt: skip
        yield Setting(quantity="mean over puzzles, paired gain", data=f"exponential, n = {n}", method="BCa",
                      promised=promised, truth=1.0,
                      draw=lambda rng, n=n: of(mean(rng.exponential(size=n), rng, REPLICATES)))  # fmt: skip
    for m, n, promised in ((100, 100, True), (1000, 300, True), (15, 15, False), (5, 200, False)):
        for shape, make, truth in (("normal", lambda z: z, 0.0), ("lognormal", np.exp, -1.0)):

            def draw(rng: np.random.Generator, m: int = m, n: int = n, make: Callable = make) -> Bounds:
                first, second = make(rng.normal(size=m)), 2 * make(rng.normal(size=n))
                return of(median_difference(first, second, rng, REPLICATES))

            yield Setting(quantity="contrast of medians", data=f"{shape}, {m} + {n}", method="BCa", promised=promised,
                          truth=truth, draw=draw)  # fmt: skip


def _scores(rng: np.random.Generator, m: int, n: int, area: float, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores of m right and n wrong rows whose AUC is `area`; those of right ones have deviation `spread`."""
    label = np.repeat([True, False], [m, n])
    shift = float(ndtri(area)) * math.hypot(1, spread)
    return np.where(label, spread * rng.normal(size=m + n) + shift, rng.normal(size=m + n)), label


def _areas() -> Iterator[Setting]:
    plain = [(100, 100, area, 1.0) for area in (0.6, 0.75, 0.9, 0.95)] + [(100, 400, 0.6, 1.0), (400, 100, 0.95, 1.0),
             (100, 400, 0.8, 3.0)]  # fmt: skip
    rough = [(5, 100, 0.6), (5, 400, 0.9), (5, 400, 0.95), (10, 30, 0.9), (20, 400, 0.95), (400, 20, 0.95),
             (30, 30, 0.9), (100, 100, 0.99), (100, 100, 0.993), (400, 400, 0.99)]  # fmt: skip
    for m, n, area, spread in plain:
        yield _area(m, n, area, spread, "BCa", True)
        yield _area(m, n, area, spread, "DeLong, logit", True)
    for m, n, area in rough:
        for spread in (1.0, 3.0):
            yield _area(m, n, area, spread, "score and logit-t", True)
    for m, n, area in ((5, 400, 0.95), (20, 400, 0.95), (100, 100, 0.99)):
        for method in ("BCa without the rule", "DeLong without the rule"):
            yield _area(m, n, area, 1.0, method, False)
    yield from _matched()
    yield from _overlaps()


def _area(m: int, n: int, area: float, spread: float, method: str, promised: bool) -> Setting:
    def draw(rng: np.random.Generator) -> Bounds:
        score, label = _scores(rng, m, n, area, spread)
        if method == "BCa":
            return of(auc_intervals([score], label, rng, REPLICATES)[0])
        if method == "DeLong, logit":
            return of(delong_intervals([score], label)[0])
        if method == "score and logit-t":
            return of(careful(score, label))
        return _without_the_rule(score, label, rng, method.startswith("BCa"))

    data = f"normal, {m} + {n}, AUC {area:g}" + ("" if spread == 1 else f", deviations {spread:g} : 1")
    return Setting(quantity="AUC", data=data, method=method, promised=promised, truth=area, draw=draw)


def _without_the_rule(score: np.ndarray, label: np.ndarray, rng: np.random.Generator, bootstrap: bool) -> Bounds:
    """What would be printed for few rows and areas near 1 without the careful interval."""
    from rrdyn.analysis import areas

    kept = areas.CLASS_ENOUGH, areas.AREA_ENOUGH
    areas.CLASS_ENOUGH, areas.AREA_ENOUGH = 2, 1.0
    try:
        if bootstrap:
            return of(auc_intervals([score], label, rng, REPLICATES)[0])
        return of(delong_intervals([score], label)[0])
    finally:
        areas.CLASS_ENOUGH, areas.AREA_ENOUGH = kept


def _matched() -> Iterator[Setting]:
    def draw(rng: np.random.Generator) -> Bounds:
        by = rng.integers(0, 10, 400).astype(float)
        label = rng.random(400) < 0.3 + 0.04 * by
        score = by + float(ndtri(0.7)) * math.sqrt(2) * label + rng.normal(size=400)
        found = matched_auc(score, label, by)
        return None if found.low is None or found.high is None else (found.low, found.high)

    yield Setting(quantity="AUC within bins", data="10 bins of 40, AUC .7 in each", method="normal, DeLong by bin",
                  promised=True, truth=0.7, draw=draw)  # fmt: skip


def _overlaps() -> Iterator[Setting]:
    for n, shift in ((100, 1.0), (400, 3.0)):

        def draw(rng: np.random.Generator, n: int = n, shift: float = shift) -> Bounds:
            label = np.repeat([True, False], n)
            drift = rng.normal(size=2 * n) + shift * ~label
            return of(overlap_interval(drift, label, rng, REPLICATES))

        yield Setting(quantity="overlap of late drifts", data=f"normal, {n} + {n}, {shift:g} deviations apart",
                      method="bias-corrected bootstrap", promised=False, truth=float(2 * ndtr(-shift / 2)),
                      draw=draw)  # fmt: skip

    yield Setting(quantity="AURC", data="n = 200", method="bias-corrected bootstrap", promised=True,
                  truth=_risk(), draw=lambda rng: of(aurc_interval(*_risky(rng), rng, REPLICATES)))  # fmt: skip


def _risky(rng: np.random.Generator, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    confidence = rng.normal(size=n)
    return confidence, rng.random(n) < ndtr(confidence)


@cache
def _risk() -> float:
    return float(np.mean([aurc(*_risky(generator(seed, "coverage", "aurc truth"))) for seed in range(20_000)]))


def _escapes() -> Iterator[Setting]:
    for n, censored, promised in (
        (100, 0.0, True), (200, 0.5, True), (500, 0.8, True), (100, 0.8, True), (60, 0.95, False), (30, 0.5, False)
    ):  # fmt: skip
        speed = 0.1 if censored == 0 else float(-np.log(censored) / 112)
        end = 10**6 if censored == 0 else 112

        def draw(rng: np.random.Generator, n: int = n, speed: float = speed, end: int = end) -> Bounds:
            return of(fit_exponential(Escapes.of(*_until(rng.exponential(1 / speed, n), end))).rate)

        yield Setting(quantity="escape rate", data=f"n = {n}, {censored:.0%} censored", method="profile likelihood",
                      promised=promised, truth=speed, draw=draw)  # fmt: skip
    for n, cured, promised in ((200, 0.5, True), (100, 0.8, True), (60, 0.9, False)):

        def share(rng: np.random.Generator, n: int = n, cured: float = cured) -> Bounds:
            whole = np.where(rng.random(n) < cured, np.inf, rng.exponential(20, n))
            law = fit_cure(Escapes.of(*_until(whole, 112)))
            return None if law is None else of(law.parameters["cured"])

        yield Setting(quantity="cure fraction", data=f"n = {n}, {cured:.0%} never, rate .05, 112 segments",
                      method="profile likelihood", promised=promised, truth=cured, draw=share)  # fmt: skip

    def shape(rng: np.random.Generator) -> Bounds:
        law = fit_weibull(Escapes.of(*_until(60 * rng.weibull(0.7, 150), 112)))
        return None if law is None else of(law.parameters["shape"])

    def surviving(rng: np.random.Generator) -> Bounds:
        curve = kaplan_meier(*_until(rng.exponential(40, 80), 112))
        row = int(curve.at(np.array([30.0]))[0])
        return float(curve.low[row]), float(curve.high[row])

    def ratio(rng: np.random.Generator) -> Bounds:
        one = Failures(tag="a", sub_updates=12, followed=112, **_times(rng.exponential(1 / 0.02, 120), 112))
        two = Failures(tag="b", sub_updates=6, followed=112, **_times(rng.exponential(1 / 0.01, 120), 112))
        compared = compare([one, two])
        found = compared and compared.pairs[0].rate_ratio
        return of(found.per_module_evaluation) if found and found.per_module_evaluation else None

    yield Setting(quantity="Weibull shape", data="n = 150, shape .7", method="profile likelihood", promised=True,
                  truth=0.7, draw=shape)  # fmt: skip
    yield Setting(quantity="survival at a segment", data="n = 80, S(30) = .47", method="Kaplan-Meier, log-log",
                  promised=True, truth=math.exp(-30 / 40), draw=surviving)  # fmt: skip
    yield Setting(quantity="ratio of escape rates", data="120 + 120, equal per module evaluation, two clocks",
                  method="log intervals added in squares", promised=True, truth=1.0, draw=ratio)  # fmt: skip


def _until(time: np.ndarray, end: int) -> tuple[np.ndarray, np.ndarray]:
    whole = np.ceil(time)
    return np.minimum(whole, end), whole <= end


def _times(time: np.ndarray, end: int) -> dict[str, np.ndarray]:
    return dict(zip(("time", "came"), _until(time, end)))


def _seeds() -> Iterator[Setting]:
    for n, centre, spread, promised in ((3, 0.7, 0.05, True), (5, 0.9, 0.04, True), (3, 0.95, 0.04, False)):

        def draw(rng: np.random.Generator, n: int = n, centre: float = centre, spread: float = spread) -> Bounds:
            total = centre * (1 - centre) / spread**2 - 1
            return of(mean_over_seeds(rng.beta(centre * total, (1 - centre) * total, n), share=True))

        yield Setting(quantity="share or AUC over seeds", data=f"{n} seeds, mean {centre:g}, deviation {spread:g}",
                      method="logit-t", promised=promised, truth=centre, draw=draw)  # fmt: skip
    yield Setting(quantity="mean over seeds, contrast of arms", data="3 seeds, normal", method="t", promised=True,
                  truth=0.0, draw=lambda rng: of(mean_over_seeds(rng.normal(size=3))))  # fmt: skip


# ---- exponents -------------------------------------------------------------------------------------------------------

Series = Callable[[np.random.Generator, int, int], np.ndarray]
"""Generator, steps, starts -> log growth (steps, starts) a step, nats, after a transient."""


def _one_dimensional(step: Callable[[np.ndarray], np.ndarray], slope: Callable[[np.ndarray], np.ndarray]) -> Series:
    def series(rng: np.random.Generator, steps: int, starts: int) -> np.ndarray:
        x = rng.random(starts)
        rows = np.empty((steps, starts))
        for number in range(-500, steps):
            if number >= 0:
                rows[number] = np.log(np.maximum(np.abs(slope(x)), 1e-30))
            x = step(x)
        return rows

    return series


def _henon(rng: np.random.Generator, steps: int, starts: int) -> np.ndarray:
    x, y = rng.uniform(-0.05, 0.05, (2, starts))
    u, v = np.ones(starts), np.zeros(starts)
    rows = np.empty((steps, starts))
    for number in range(-500, steps):
        u, v = -2.8 * x * u + v, 0.3 * u
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
        size = np.hypot(u, v)
        u, v = u / size, v / size
        if number >= 0:
            rows[number] = np.log(size)
    return rows


def _autoregression(rng: np.random.Generator, steps: int, starts: int) -> np.ndarray:
    """No map: growth that remembers itself for twenty steps, of mean 0."""
    return np.asarray(lfilter([1.0], [1.0, -0.95], rng.normal(size=(steps + 500, starts)), axis=0)[500:])


def _logistic(r: float) -> Series:
    return _one_dimensional(lambda x: r * x * (1 - x), lambda x: r * (1 - 2 * x))


def _pomeau_manneville(power: float) -> Series:
    """x + x^power mod 1: laminar near 0 for times whose law has a tail of exponent 1 / (power - 1)."""
    return _one_dimensional(lambda x: (x + x**power) % 1.0, lambda x: 1 + power * x ** (power - 1))


SYSTEMS: tuple[tuple[str, Series, float | None, bool], ...] = (
    ("Henon", _henon, None, True),
    ("logistic map, r = 4", _logistic(3.9999999999), math.log(2), True),
    ("logistic map, r = 3.8282 (intermittent, type I)", _logistic(3.8282), None, False),
    ("x + x^1.6 mod 1 (intermittent, Pomeau-Manneville)", _pomeau_manneville(1.6), None, False),
    ("AR(.95), mean 0", _autoregression, 0.0, False),
)


@cache
def _truth(name: str) -> float:
    """Mean over many starts and steps: 400 starts of 100,000."""
    series = next(system for label, system, _, _ in SYSTEMS if label == name)
    return float(np.mean([series(generator(part, "coverage", "truth", name), 20_000, 400).mean() for part in range(5)]))


@lru_cache(maxsize=2)
def _drawn(name: str, steps: int) -> np.ndarray:
    """(steps, DATA_SETS) of one system."""
    series = next(system for label, system, _, _ in SYSTEMS if label == name)
    return series(generator(0, "coverage", "series", name, steps), steps, DATA_SETS)


def _exponents() -> Iterator[Setting]:
    for name, _, known, promised in SYSTEMS:
        for steps in (64, 400, 4000):
            for method in ("batch means", "late exponent"):
                yield _Exponent(quantity="Lyapunov exponent", data=f"{name}, {steps} steps", method=method,
                                promised=promised and steps > 64, truth=math.nan, system=name, steps=steps,
                                known=known, draw=lambda rng: None)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Exponent(Setting):
    system: str
    steps: int
    known: float | None

    def measure(self, data_sets: int) -> dict[str, object]:
        truth = self.known if self.known is not None else _truth(self.system)
        rows = iter(_drawn(self.system, self.steps).T)
        draw = _by_batches if self.method == "batch means" else _late
        bound = Setting(quantity=self.quantity, data=self.data, method=self.method, promised=self.promised,
                        truth=truth, draw=lambda rng: draw(next(rows)))  # fmt: skip
        return bound.measure(min(data_sets, DATA_SETS))


def _by_batches(series: np.ndarray) -> Bounds:
    found = batch_means(series)
    return None if np.isnan(found.low) else (float(found.low), float(found.high))


def _late(series: np.ndarray) -> Bounds:
    found = late_exponent(series, 1, len(series), 16 * np.finfo(float).eps)
    return None if math.isnan(found.low) else (found.low, found.high)


# ---- files -----------------------------------------------------------------------------------------------------------


def read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def run(path: Path, only: str, data_sets: int) -> list[dict[str, str]]:
    """Measure the rows that are missing; the file is whole after each."""
    rows = {(row["quantity"], row["data"], row["method"]): row for row in read(path)}
    for setting in settings():
        key = (setting.quantity, setting.data, setting.method)
        if key in rows:
            rows[key]["promised"] = str(int(setting.promised))
        if key in rows or only not in setting.name:
            continue
        rows[key] = {name: str(value) for name, value in setting.measure(data_sets).items()}
        with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, FIELDS)
            writer.writeheader()
            writer.writerows(rows.values())
        print(setting.name, rows[key]["covered"], rows[key]["given"], flush=True)
    order = {(s.quantity, s.data, s.method): place for place, s in enumerate(settings())}
    return sorted(rows.values(), key=lambda row: order.get((row["quantity"], row["data"], row["method"]), len(order)))


def page(rows: list[dict[str, str]]) -> str:
    """coverage.md"""
    shown = [
        [row["quantity"], row["data"], row["method"], row["data_sets"], f"{float(row['given']):.3f}", _covered(row),
         "" if row["promised"] == "1" else "outside"]
        for row in rows
    ]  # fmt: skip
    headers = ["quantity", "data", "interval", "data sets", "given", "covered", ""]
    return "\n".join([
        "# Coverage of the intervals", "",
        "Written by `python scripts/interval_coverage.py` from `coverage.csv`. 95% intervals over simulated data sets: "
        "the share of data sets that had an interval at all, and the share of those intervals that holds the truth, "
        "with its own 95% interval. *outside*: data that the method does not promise anything for.", "",
        tabulate(shown, headers, tablefmt="pipe", disable_numparse=True), "",
    ])  # fmt: skip


def _covered(row: dict[str, str]) -> str:
    return "-" if not row["covered"] else f"{float(row['covered']):.3f} [{row['low'][:5]}, {row['high'][:5]}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/statistics"), help="folder of the tables")
    parser.add_argument("--only", default="", help="rows whose name holds these words")
    parser.add_argument("--data-sets", type=int, default=DATA_SETS, help="data sets a row")
    args = parser.parse_args()
    out = make_folder(args.out)
    write_text(out / "coverage.md", page(run(out / "coverage.csv", args.only, args.data_sets)))


if __name__ == "__main__":
    main()
