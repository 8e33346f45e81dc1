from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rrdyn.analysis.ranks import auc, delong, placements


def tied(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two scores with ties and a label, both classes present."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 300))
    label = rng.random(n) < rng.uniform(0.1, 0.9)
    label[:2] = True, False
    return rng.integers(0, 12, n) + 2.0 * label, np.round(rng.normal(size=n) + label, 1), label


@pytest.mark.parametrize("seed", range(100))
def test_auc_is_scikit_learns(seed):
    first, second, label = tied(seed)
    for score in (first, second):
        assert auc(score, label) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def delong_by_definition(scores, label):
    """DeLong, DeLong & Clarke-Pearson (1988) eq. 3-7 over all pairs."""
    kernels = [(np.sign(s[label][:, None] - s[~label][None]) + 1) / 2 for s in scores]
    of_positives = np.stack([kernel.mean(axis=1) for kernel in kernels])
    of_negatives = np.stack([kernel.mean(axis=0) for kernel in kernels])
    m, n = label.sum(), (~label).sum()
    return np.atleast_2d(np.cov(of_positives)) / m + np.atleast_2d(np.cov(of_negatives)) / n


@pytest.mark.parametrize("seed", range(100))
def test_delong_is_its_definition_over_pairs(seed):
    first, second, label = tied(seed)
    label[2:4] = True, False
    found = delong([first, second], label)
    np.testing.assert_allclose(found.covariance, delong_by_definition([first, second], label), atol=1e-12)
    difference, error = found.difference(0, 1)
    c = found.covariance
    assert difference == pytest.approx(auc(first, label) - auc(second, label), abs=1e-12)
    assert error**2 == pytest.approx(max(0, c[0, 0] + c[1, 1] - 2 * c[0, 1]), abs=1e-12)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=40))
def test_auc_by_counting_pairs(rows):
    score, label = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = auc(score, label)
    if label.all() or not label.any():
        assert np.isnan(found)
        return
    gaps = score[label][:, None] - score[~label][None]
    assert found == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean(), abs=1e-12)
    assert auc(-score, label) == pytest.approx(1 - found, abs=1e-12)
    assert auc(score**3, label) == found
    up, down = placements(score[label], score[~label])
    assert up.mean() == pytest.approx(found, abs=1e-12)
    assert down.mean() == pytest.approx(found, abs=1e-12)
