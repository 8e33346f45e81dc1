"""The table of fates adds up, and its sentences say what it says."""

from __future__ import annotations

import numpy as np

from rrdyn.analysis.fates import fate_table, sentences, told
from rrdyn.analysis.intervals import rate

NAMES = ("fixed", "cycle", "chaotic")
ARRAYS = {
    "fate": np.array([0, 0, 1, 2, 2, 0]),
    "right_budget": np.array([1, 0, 0, 0, 1, 0]),
    "right_end": np.array([1, 1, 0, 0, 0, 1]),
    "asked": np.array([4, 4, 4, 4, 4, 0]),
}


def test_counts_add_up_and_leave_the_unlabelled_out():
    table = fate_table(ARRAYS, NAMES, budget=8, horizon=32)
    assert (table.n, table.unlabelled, int(table.counts.sum())) == (5, 1, 5)
    assert table.counts.tolist() == [[1, 1], [1, 0], [1, 1]]
    assert table.out_of_time.tolist() == [1, 0, 0]
    assert table.lost.tolist() == [0, 0, 1]
    record = table.record()
    assert [row.fate for row in record.fates] == list(NAMES)
    assert record.fates[1].wrong == rate(1, 3)


def test_words():
    table = fate_table(ARRAYS, NAMES, budget=8, horizon=32)
    failures, right = sentences(table).splitlines()
    assert failures.startswith("of 3 failures at segment 8: 1 becomes right by segment 32 (out of time)")
    assert "1 wanders" in failures
    assert right.endswith("1 is wrong by segment 32")
    assert "1 puzzles have no answer to compare with" in told(table)
