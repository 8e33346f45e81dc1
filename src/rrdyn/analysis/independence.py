"""Is an answer independent of a number, given others? The generalised covariance measure (Shah & Peters 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from rrdyn.artifacts.results import IndependenceRecord


@dataclass(frozen=True, kw_only=True)
class Independence:
    """The test's statistic, chi-squared with `degrees` degrees of freedom where nothing is left, and its p-value."""

    statistic: float
    degrees: int
    p: float
    correlation: float
    """Of the residuals; the largest in size where the number has several columns."""

    def record(self) -> IndependenceRecord:
        return IndependenceRecord(
            method="gcm", statistic=self.statistic, degrees=self.degrees, p=self.p, correlation=self.correlation
        )


def covariance_measure(of_answer: np.ndarray, of_number: np.ndarray) -> Independence:
    """From what regressions on the others leave of the answer (N,) and of the number (N, D).

    The mean of their products over its standard error, squared; with several columns the quadratic form with the
    products' covariance (the paper takes the maximum). It sees a dependence that has a covariance, given the others;
    it holds its level where the product of both regressions' errors is small beside 1/sqrt(N).
    """
    products = of_answer[:, None] * of_number
    varies = products.std(axis=0) > 1e-9 * max(float(np.abs(of_answer).max()), 1e-300)
    products = products[:, varies]
    n, degrees = products.shape
    if degrees == 0:
        return Independence(statistic=0.0, degrees=0, p=1.0, correlation=0.0)
    mean = products.mean(axis=0)
    covariance = np.atleast_2d(np.cov(products.T))
    statistic = float(n * mean @ np.linalg.pinv(covariance, hermitian=True) @ mean)
    sizes = np.sqrt(np.square(of_answer).mean() * np.square(of_number[:, varies]).mean(axis=0))
    shares = mean / np.maximum(sizes, 1e-300)
    return Independence(
        statistic=statistic, degrees=degrees, p=float(chdtrc(degrees, statistic)),
        correlation=float(shares[np.argmax(np.abs(shares))]),
    )  # fmt: skip
