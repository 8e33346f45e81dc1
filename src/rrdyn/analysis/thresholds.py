"""Where "settled" ends: a threshold on log10 late drift, how far it can be trusted, and how it was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.results import ThresholdRecord

BINS = 256
TRUSTED_ETA = 0.8  # a single Gaussian split at its mean has 2/pi = .64, two separate modes have .99
DECISIVE_BIC = 10.0
SEPARATE_MODES = 2.0  # Ashman's D above which two Gaussians show two peaks
FEW = 20
SHALLOW = 0.6  # a valley less deep than this is none: flat data are split by two Gaussians, but hold no two modes
FLOOR = -12.0  # log10 of an exact zero
BAND_QUANTILE = 0.95
BAND_ROWS = 5
METHODS = ("otsu", "mixture", "fixed", "band")


@dataclass(frozen=True, kw_only=True)
class Tau:
    """How to choose the threshold; `value` (log10 late drift) belongs to "fixed"."""

    method: str = "otsu"
    value: float | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError("--tau is not one of its choices", found=self.method, expected=", ".join(METHODS))
        if self.method == "fixed" and (self.value is None or not math.isfinite(self.value)):
            raise UsageError(
                "--tau fixed needs its value", found=self.value, expected="log10 late drift", run="--tau fixed -1.0"
            )


def from_words(words: Sequence[str]) -> tuple[Tau, list[str]]:
    """The threshold spelled on a command line ("otsu", or "fixed" and a number), and the words that followed it."""
    first, rest = (words[0] if words else "otsu"), list(words[1:])
    method, _, value = first.partition(":")
    if method == "fixed" and not value and rest:
        value = rest.pop(0)
    try:
        return Tau(method=method, value=float(value) if value else None), rest
    except ValueError:
        raise UsageError(
            "--tau fixed needs a number", found=value, expected="log10 late drift", run="--tau fixed -1.0"
        ) from None


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Two Gaussians on log10 late drift, the slower first."""

    weight: float
    means: tuple[float, float]
    deviations: tuple[float, float]
    gain: float  # BIC of one Gaussian minus BIC of two; positive favours two
    dip: float = 0.0  # rows near the crossing over rows near the smaller peak: 0 a clear gap, 1 no valley at all

    @property
    def ashman(self) -> float:
        """Ashman's D: distance of the means in units of the common deviation."""
        spread = math.hypot(*self.deviations)
        return math.sqrt(2) * abs(self.means[1] - self.means[0]) / spread if spread > 0 else math.inf

    @property
    def two_modes(self) -> bool:
        return self.gain > DECISIVE_BIC and self.ashman > SEPARATE_MODES and self.dip < SHALLOW

    @property
    def crossing(self) -> float:
        """Between the means, where both components are equally likely."""
        low, high = self.means
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._leans_slow(middle) else (low, middle)
        return (low + high) / 2

    def _leans_slow(self, x: float) -> bool:
        (m1, m2), (s1, s2) = self.means, self.deviations
        slow = math.log(self.weight / s1) - 0.5 * ((x - m1) / s1) ** 2
        return slow > math.log((1 - self.weight) / s2) - 0.5 * ((x - m2) / s2) ** 2


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A threshold on log10 late drift with everything needed to judge it."""

    asked: str
    method: str  # the method that gave tau: it differs from `asked` where that one's split meant nothing
    tau: float
    eta: float | None
    frozen: int  # rows that stand still: exact zeros and rows far below all others, always counted as settled
    otsu: float
    mixture: Mixture | None
    bimodality: float | None
    shared: bool = False
    warning: str | None = None
    of: str = "late drift"
    one_mode: bool = False
    """Whether the method that was asked for found no two groups to tell apart."""

    def settled(self, log_drift: np.ndarray) -> np.ndarray:
        """(N,) bool: strictly below the threshold, or not moving at all."""
        return (log_drift < self.tau) | (log_drift <= FLOOR)

    def record(self) -> ThresholdRecord:
        mixture = self.mixture
        return ThresholdRecord(
            asked=self.asked,
            method=self.method,
            tau_log10=self.tau,
            eta=self.eta,
            n_frozen=self.frozen,
            otsu_tau_log10=self.otsu,
            mixture_tau_log10=mixture.crossing if mixture else None,
            mixture_weight_slow=mixture.weight if mixture else None,
            mixture_means=list(mixture.means) if mixture else None,
            mixture_deviations=list(mixture.deviations) if mixture else None,
            bic_gain_two_modes=mixture.gain if mixture else None,
            ashman_d=mixture.ashman if mixture else None,
            two_modes=mixture.two_modes if mixture else None,
            bimodality_coefficient=self.bimodality,
            shared=self.shared,
            of=self.of,
            one_mode=self.one_mode,
            warning=self.warning,
        )


def otsu(values: np.ndarray, bins: int = BINS) -> float:
    """Otsu's threshold (1979) as the source study takes it: the bin centre with the largest between-class variance.

    Constant values have no such centre; their median is returned.
    """
    counts, edges = np.histogram(values, bins=bins)
    centres = 0.5 * (edges[:-1] + edges[1:])
    share = counts.astype(np.float64) / counts.sum()
    weight = np.cumsum(share)
    moment = np.cumsum(share * centres)
    split = weight * (1.0 - weight)
    split[split <= 0] = np.nan
    if np.isnan(split).all():
        return float(np.median(values))
    between = (moment[-1] * weight - moment) ** 2 / split
    return float(centres[np.nanargmax(between)])


def separability(values: np.ndarray, tau: float) -> float | None:
    """eta: the share of the variance that lies between the two sides of the threshold, in [0, 1]."""
    below = values < tau
    total = values.var()
    if total == 0 or below.all() or not below.any():
        return None
    share = below.mean()
    return float(share * (1 - share) * (values[below].mean() - values[~below].mean()) ** 2 / total)


def moving(log_drift: np.ndarray) -> np.ndarray:
    """(N,) bool: rows that shape the threshold. Exact zeros, and a few rows far below all others, do not.

    A handful of states that stopped to the last bit would stretch the histogram and pull the threshold away.
    """
    alive = log_drift > FLOOR
    if alive.sum() < 20:
        return alive
    low, middle = np.quantile(log_drift[alive], [0.05, 0.5])
    return np.asarray(alive & (log_drift >= low - 3 * max(middle - low, 1e-9)))


def fit_mixture(values: np.ndarray, bins: int = 1024) -> Mixture | None:
    """Two Gaussians by expectation-maximisation on a fine histogram, the best of several starts; None below 8 rows."""
    if len(values) < 8 or values.std() == 0:
        return None
    counts, edges = np.histogram(values, bins=min(bins, max(64, len(values))))
    x, w = (edges[:-1] + edges[1:])[counts > 0] / 2, counts[counts > 0].astype(float)
    n, floor = w.sum(), max((edges[1] - edges[0]) / 2, 1e-3 * values.std())
    ordered = np.sort(values)
    starts = [otsu(values), *(ordered[int(q * (len(ordered) - 1))] for q in (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99))]
    starts.append((ordered[0] + ordered[-1]) / 2)
    best = max((_expectation_maximisation(x, w, start, floor) for start in starts), key=lambda fit: fit[0])
    likelihood, weight, means, deviations = best
    mean = (w * x).sum() / n
    single = math.sqrt(max((w * (x - mean) ** 2).sum() / n, floor**2))
    alone = float((w * (-0.5 * ((x - mean) / single) ** 2 - math.log(single))).sum())
    gain = 2 * (likelihood - alone) - 3 * math.log(n)
    if means[0] > means[1]:
        weight, means, deviations = 1 - weight, means[::-1], deviations[::-1]
    found = Mixture(weight=weight, means=means, deviations=deviations, gain=gain)
    return replace(found, dip=_dip(values, found))


def _dip(values: np.ndarray, mixture: Mixture) -> float:
    reach = 0.15 * (mixture.means[1] - mixture.means[0])
    slow, valley, fast = (
        int((np.abs(values - place) < reach).sum()) for place in (mixture.means[0], mixture.crossing, mixture.means[1])
    )
    return valley / max(min(slow, fast), 1)


_Fit = tuple[float, float, tuple[float, float], tuple[float, float]]


def _expectation_maximisation(x: np.ndarray, w: np.ndarray, start: float, floor: float) -> _Fit:
    slow = (x < start).astype(float)
    slow = np.clip(slow, 0.001, 0.999)
    likelihood = -math.inf
    for _ in range(300):
        sums = np.array([(w * slow).sum(), (w * (1 - slow)).sum()])
        means = np.array([(w * slow * x).sum(), (w * (1 - slow) * x).sum()]) / sums
        spread = np.array([(w * slow * (x - means[0]) ** 2).sum(), (w * (1 - slow) * (x - means[1]) ** 2).sum()]) / sums
        deviations = np.maximum(np.sqrt(spread), floor)
        shares = sums / sums.sum()
        logs = (
            np.log(shares)[:, None]
            - np.log(deviations)[:, None]
            - 0.5 * ((x - means[:, None]) / deviations[:, None]) ** 2
        )
        top = logs.max(axis=0)
        total = top + np.log(np.exp(logs - top).sum(axis=0))
        slow = np.clip(np.exp(logs[0] - total), 1e-12, 1 - 1e-12)
        before, likelihood = likelihood, float((w * total).sum())
        if likelihood - before < 1e-9 * abs(likelihood):
            break
    a, b = (float(value) for value in means)
    c, d = (float(value) for value in deviations)
    return likelihood, float(shares[0]), (a, b), (c, d)


def bimodality_coefficient(values: np.ndarray) -> float | None:
    """Sarle's coefficient: (skewness^2 + 1) / kurtosis with the small-sample correction; 5/9 for uniform values."""
    n = len(values)
    if n < 4 or values.std() == 0:
        return None
    z = (values - values.mean()) / values.std()
    skewness = (z**3).mean() * math.sqrt(n * (n - 1)) / (n - 2)
    excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * ((z**4).mean() - 3) + 6)
    return float((skewness**2 + 1) / (excess + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))))


def choose(log_drift: np.ndarray, correct: np.ndarray, tau: Tau, *, of: str = "late drift") -> Threshold:
    """The threshold of one file (or of several files' rows put together); `of` names what it is set on.

    "otsu" (default): rows that stand still are set aside, then Otsu; where its split means nothing (eta < .8) but two
    Gaussians are there, their crossing; where neither holds, Otsu with a warning. "mixture": the crossing of two
    Gaussians. "fixed": the value given. "band": only what moves as slowly as settled, correct puzzles do (the 95th
    percentile of their late drift).
    """
    rows = moving(log_drift)
    values = log_drift[rows] if rows.any() else log_drift
    by_otsu, mixture = otsu(values), fit_mixture(values)
    eta = separability(values, by_otsu)
    method, value, warning, one_mode = _decide(tau, by_otsu, mixture, eta, log_drift, correct, of)
    if method != "fixed" and warning is None and len(values) < FEW:
        warning = f"the threshold rests on {len(values)} puzzles"
    return Threshold(
        asked=tau.method,
        method=method,
        tau=value,
        eta=separability(values, value),
        frozen=int((~rows).sum()),
        otsu=by_otsu,
        mixture=mixture,
        bimodality=bimodality_coefficient(values),
        warning=warning,
        of=of,
        one_mode=one_mode,
    )


def _decide(
    tau: Tau,
    by_otsu: float,
    mixture: Mixture | None,
    eta: float | None,
    log_drift: np.ndarray,
    correct: np.ndarray,
    of: str,
) -> tuple[str, float, str | None, bool]:
    """Method, value, warning, and whether there is one mode only."""
    if tau.method == "fixed":
        assert tau.value is not None
        return "fixed", tau.value, None, False
    one_mode = False
    two_modes = mixture is not None and mixture.two_modes
    if eta is not None and eta >= TRUSTED_ETA and not (mixture and tau.method == "mixture"):
        found: tuple[str, float, str | None] = ("otsu", by_otsu, None)
    elif mixture is not None and two_modes:
        found = "mixture", mixture.crossing, None
    else:
        shown, one_mode = "none" if eta is None else f"{eta:.2f}", True
        found = (
            "otsu",
            by_otsu,
            (
                f"{of} shows one mode only (separability eta {shown}, below {TRUSTED_ETA}): settled and "
                "unsettled are not told apart here. Use --tau fixed VALUE, or read what needs no threshold"
            ),
        )
    if tau.method != "band":
        return (*found, one_mode)
    edge = band_edge(log_drift, correct & (log_drift < found[1]))
    if edge is None:
        told = f"no band: fewer than {BAND_ROWS} settled and right puzzles; {found[0]} is used instead"
        return (*found[:2], told, one_mode)
    return "band", edge, found[2], one_mode


def band_edge(log_drift: np.ndarray, settled_right: np.ndarray) -> float | None:
    """The upper edge of the velocities at which settled, right puzzles move: just above the 95th percentile.

    None with fewer than `BAND_ROWS` of them.
    """
    speeds = log_drift[settled_right]
    if len(speeds) < BAND_ROWS:
        return None
    return float(np.nextafter(np.quantile(speeds, BAND_QUANTILE), np.inf))
