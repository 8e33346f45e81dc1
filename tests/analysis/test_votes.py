"""Who wins a vote, and pass@k, on made cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis.votes import confident, ranked, rankings, tally, told


def votes(rows, asked=1) -> dict[str, np.ndarray]:
    """(task, question, answer, q_halt, right) of each vote."""
    task, question, answer, q_halt, right = (np.array(column) for column in zip(*rows))
    return {"task": task, "question": question, "answer": answer, "q_halt": q_halt.astype(float),
            "right": right.astype(bool), "asked": np.full(len(task), asked)}  # fmt: skip


def test_more_votes_win_then_more_confidence_then_the_first():
    rows, count, confidence = ranked(np.array([7, 5, 5, 9, 3]), confident(np.array([0.0, -9, -9, 2, 0])))
    assert rows.tolist() == [1, 3, 0, 4]
    assert count.tolist() == [2, 1, 1, 1]
    assert confidence[2] == pytest.approx(0.5)


def test_a_reader_alone_looks_at_the_best_vote_for_an_answer():
    answer, score = np.array([7, 5, 5, 9]), np.array([0.1, -3.0, 0.5, 0.2])
    rows, count, _ = ranked(answer, score, alone=True)
    assert answer[rows].tolist() == [5, 9, 7]
    assert count.tolist() == [2, 1, 1]
    assert answer[ranked(answer, -score, alone=True)[0]].tolist() == [5, 7, 9]


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


def test_readers_beside_q_halt():
    arrays = votes(CASE)
    knows = arrays["right"].astype(float)
    found = tally(arrays, {"knows": knows, "is_wrong": -knows})
    q_halt, knowing, wrong = found.readers
    assert q_halt.counted["pass@1"].value == found.passes["pass@1"].value
    assert knowing.alone["pass@1"].value == 1
    assert knowing.counted["pass@1"].value == 0.75  # counted first: the right answer of task 4 had fewer votes
    assert wrong.alone["pass@1"].value == 0
    assert knowing.alone_over_q_halt["pass@1"].value == 1 - q_halt.alone["pass@1"].value
    assert (knowing.tells.value, wrong.tells.value, knowing.tells.n) == (1, 0, 3)
    assert q_halt.tells.value == pytest.approx((0.5 + 0 + 0) / 3)  # all equal; the wrong one sure; the right one last
    assert knowing.tells_over_q_halt.value == pytest.approx(5 / 6)
    assert "knows" in told(found)


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
