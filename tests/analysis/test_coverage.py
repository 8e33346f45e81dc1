"""Coverage of the intervals by simulation; the measured table stands in docs/analysis.md."""

from __future__ import annotations

import pytest
from tests.analysis.coverage_table import settings


@pytest.mark.slow
@pytest.mark.parametrize("setting", list(settings()), ids=lambda setting: setting.name)
def test_intervals_hold_the_truth_as_often_as_they_say(setting):
    share, bounded = setting.coverage()
    assert bounded == 1
    if setting.inside:
        assert abs(share - 0.95) <= 0.015
    else:
        assert share >= 0.85
