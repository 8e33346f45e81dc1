"""Wilson's interval against the published values and its limits."""

from __future__ import annotations

import pytest

from rrdyn.artifacts.rates import wilson


def test_the_bounds_of_a_share():
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    low, high = wilson(0.25, 40)
    assert wilson(0.75, 40) == pytest.approx((1 - high, 1 - low))
