"""Fates over checkpoints as a picture: what is drawn is what the files say."""

from __future__ import annotations

import numpy as np
import pytest
from tests.analysis.test_fate_steps import series

from rrdyn.analysis.fate_steps import by_run
from rrdyn.artifacts.errors import UsageError
from rrdyn.plotting import plot


def test_drawn_shares_are_those_of_the_files(tmp_path):
    files = [*series(tmp_path / "a", "runs/a", (10, 20)), *series(tmp_path / "b", "runs/b", (10,))]
    (plate,) = plot("fates", files, size="page").plates.values()
    for run, of_run in by_run(files).items():
        for one in of_run:
            bars = [row for row in plate.table.where(run=run, step=one.step) if row["at_end"]]
            assert sum(float(row["share"]) for row in bars) == pytest.approx(1)
            (dot,) = plate.table.where(run=run, step=one.step, fate="right at the budget")
            assert float(dot["share"]) == pytest.approx(one.right.value)
            assert float(dot["low"]) == pytest.approx(one.right.low)
    np.testing.assert_allclose(
        [float(row["share"]) for row in plate.table.where(run="b", fate="cycle", at_end="right")],
        [one.ends[1, 1] / 20 for one in by_run(files)["b"]],
    )


def test_return_maps_are_of_one_file(tmp_path):
    files = series(tmp_path / "a", "runs/a", (10, 20))
    with pytest.raises(UsageError, match="goes with one fate"):
        plot("fates", files, returns=files[0])
