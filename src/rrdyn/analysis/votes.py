"""Which answers win, and how often the right one is among the first k: pass@k, as the published ARC evaluator counts.

An answer stands before another if more copies gave it, and among equals if the mean of sigmoid(q_halt) over those that
gave it is higher; what is equal in both stands as it came. A task counts by the share of its questions whose right
answer is among the first k; pass@k is the mean over tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from tabulate import tabulate

from rrdyn.analysis.intervals import mean, rate
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Written
from rrdyn.runtime.streams import generator

KS = (1, 2, 5, 10, 100, 1000)
"""The published ones."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The answers to one question, the winner first."""

    task: int
    question: int
    rows: np.ndarray
    """(A,) a vote for each answer: the first that gave it."""
    votes: np.ndarray
    """(A,) how many copies gave it."""
    confidence: np.ndarray
    """(A,) mean of sigmoid(q_halt) over these."""
    right: np.ndarray
    """(A,) bool."""


def ranked(answer: np.ndarray, q_halt: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the first vote for each answer, the winner first, with votes and confidence; of votes (N,)."""
    _, first, inverse, votes = np.unique(answer, return_index=True, return_inverse=True, return_counts=True)
    confidence = np.bincount(inverse, weights=expit(np.asarray(q_halt, dtype=np.float64))) / votes
    order = np.lexsort((first, -confidence, -votes))
    return first[order], votes[order], confidence[order]


def rankings(arrays: Mapping[str, np.ndarray]) -> Iterator[Ranking]:
    """One for each question that votes were given on, by task."""
    task, question = arrays["task"], arrays["question"]
    order = np.lexsort((np.arange(len(task)), question, task))
    changed = (np.diff(task[order]) != 0) | (np.diff(question[order]) != 0)
    for rows in np.split(order, np.flatnonzero(changed) + 1):
        first, votes, confidence = ranked(arrays["answer"][rows], arrays["q_halt"][rows])
        yield Ranking(task=int(task[rows[0]]), question=int(question[rows[0]]), rows=rows[first], votes=votes,
                     confidence=confidence, right=arrays["right"][rows[first]])  # fmt: skip


class Tally(Written):
    """What the votes came to."""

    tasks: Count
    """Tasks whose answers are known."""
    questions: Count
    votes: Count
    unanswered: Count
    """Tasks with a question whose answer nobody knows: left out."""
    passes: dict[str, Interval]
    """By "pass@k", over tasks."""
    single: Interval
    """Votes that are right, each by itself."""


def tally(arrays: Mapping[str, np.ndarray]) -> Tally:
    """pass@k for the published k, as far as there are copies for it."""
    unknown = np.unique(arrays["task"][arrays["asked"] == 0])
    known = ~np.isin(arrays["task"], unknown)
    kept = {name: arrays[name][known] for name in ("task", "question", "answer", "q_halt", "right")}
    found = list(rankings(kept)) if known.any() else []
    tasks = np.array([one.task for one in found], dtype=np.int64)
    most = max((int(one.votes.sum()) for one in found), default=0)
    ks = [k for number, k in enumerate(KS) if k <= 2 or KS[number - 1] < most]
    passes = {}
    for k in ks:
        solved = np.array([one.right[:k].any() for one in found], dtype=np.float64)
        per_task = [solved[tasks == task].mean() for task in np.unique(tasks)]
        passes[f"pass@{k}"] = mean(np.array(per_task), generator(0, "votes"))
    return Tally(tasks=len(np.unique(tasks)), questions=len(found), votes=int(known.sum()), unanswered=len(unknown),
                 passes=passes, single=rate(int(kept["right"].sum()), int(known.sum())))  # fmt: skip


class TallyFile(Tally):
    """The tally of one file."""

    path: str


def told(found: Tally) -> str:
    """The tally as text."""
    lines = [f"{found.tasks} tasks, {found.questions} questions, {found.votes:,} votes, 95% intervals over tasks", ""]
    rows = [[name, one.told(4)] for name, one in {**found.passes, "one vote": found.single}.items()]
    lines.append(tabulate(rows, ["right among", "share"], disable_numparse=True))
    if found.unanswered:
        lines += ["", f"left out, as an answer is not known: {found.unanswered} tasks"]
    return "\n".join(lines)
