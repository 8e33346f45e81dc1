"""Who wins a vote, and pass@k, on made cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis.votes import ranked, rankings, tally, told


def votes(rows, asked=1) -> dict[str, np.ndarray]:
    """(task, question, answer, q_halt, right) of each vote."""
    task, question, answer, q_halt, right = (np.array(column) for column in zip(*rows))
    return {"task": task, "question": question, "answer": answer, "q_halt": q_halt.astype(float),
            "right": right.astype(bool), "asked": np.full(len(task), asked)}  # fmt: skip


def test_more_votes_win_then_more_confidence_then_the_first():
    rows, count, confidence = ranked(np.array([7, 5, 5, 9, 3]), np.array([0.0, -9, -9, 2, 0]))
    assert rows.tolist() == [1, 3, 0, 4]
    assert count.tolist() == [2, 1, 1, 1]
    assert confidence[2] == pytest.approx(0.5)


CASE = [
    (4, 0, 1, 0, False), (4, 0, 1, 0, False), (4, 0, 2, 0, True),  # second
    (4, 1, 8, 0, True), (4, 1, 8, 0, True), (4, 1, 9, 9, False),  # first
    (6, 0, 1, 1, False), (6, 0, 2, 0, False), (6, 0, 3, -1, True),  # third
]  # fmt: skip


def test_a_task_counts_by_the_share_of_its_questions():
    found = tally(votes(CASE))
    assert (found.tasks, found.questions, found.votes) == (2, 3, 9)
    assert {name: one.value for name, one in found.passes.items()} == {"pass@1": 0.25, "pass@2": 0.5, "pass@5": 1.0}
    assert found.single.value == pytest.approx(4 / 9)
    assert "pass@2         0.5000" in told(found)


def test_the_order_of_votes_of_other_questions_does_not_matter():
    mixed = votes([CASE[i] for i in (6, 0, 3, 7, 1, 4, 8, 2, 5)])
    assert tally(mixed) == tally(votes(CASE))
    assert [(one.task, one.question) for one in rankings(mixed)] == [(4, 0), (4, 1), (6, 0)]


def test_tasks_whose_answers_nobody_knows_are_left_out():
    arrays = votes(CASE)
    arrays["asked"][:1] = 0
    found = tally(arrays)
    assert (found.tasks, found.unanswered) == (1, 1)
    assert "an answer is not known: 1 tasks" in told(found)
    assert tally(votes(CASE, asked=0)).passes["pass@1"].value is None
