"""Coverage of the intervals by simulation, by the script that writes docs/statistics/coverage.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.outside_modules import module

SCRIPT = Path(__file__).parents[2] / "scripts" / "interval_coverage.py"
coverage = module(SCRIPT)


@pytest.mark.slow
@pytest.mark.parametrize("setting", [s for s in coverage.settings() if s.promised], ids=lambda setting: setting.name)
def test_intervals_hold_the_truth_as_often_as_they_say(setting):
    row = setting.measure(400)
    assert float(row["high"]) >= 0.93, row
