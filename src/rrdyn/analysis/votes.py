"""Which answers win, and how often the right one is among the first k: pass@k, as the published ARC evaluator counts.

An answer stands before another if more copies gave it, and among equals if the mean of sigmoid(q_halt) over those that
gave it is higher; what is equal in both stands as it came. A task counts by the share of its questions whose right
answer is among the first k; pass@k is the mean over tasks.

Another reader of the votes takes the place of q_halt among equals, or orders the answers alone, by the best score of
those that gave each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from tabulate import tabulate

from rrdyn.analysis.intervals import mean, mean_difference, rate
from rrdyn.analysis.ranks import auc
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Written
from rrdyn.runtime.streams import generator

KS = (1, 2, 5, 10, 100, 1000)
"""The published ones."""
ATTEMPTS = (1, 2)
"""Answers that are looked at of further readers."""


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
    """(A,) mean score over these: of sigmoid(q_halt), or a reader's."""
    right: np.ndarray
    """(A,) bool."""


def confident(q_halt: np.ndarray) -> np.ndarray:
    """sigmoid(q_halt) in float64: the score of the published evaluator."""
    return np.asarray(expit(np.asarray(q_halt, dtype=np.float64)))


def ranked(answer: np.ndarray, score: np.ndarray, *, alone: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the first vote for each answer, the winner first, with votes and mean score; of votes (N,).

    `alone`: by the best score of those that gave an answer, whatever their number.
    """
    _, first, inverse, votes = np.unique(answer, return_index=True, return_inverse=True, return_counts=True)
    average = np.bincount(inverse, weights=score) / votes
    best = np.full(len(first), -np.inf)
    np.maximum.at(best, inverse, score)
    order = np.lexsort((first, -best) if alone else (first, -average, -votes))
    return first[order], votes[order], average[order]


def rankings(
    arrays: Mapping[str, np.ndarray], score: np.ndarray | None = None, *, alone: bool = False
) -> Iterator[Ranking]:
    """One for each question that votes were given on, by task; `score` (N,) in the place of q_halt's."""
    score = confident(arrays["q_halt"]) if score is None else score
    for rows in by_question(arrays):
        first, votes, confidence = ranked(arrays["answer"][rows], score[rows], alone=alone)
        yield Ranking(task=int(arrays["task"][rows[0]]), question=int(arrays["question"][rows[0]]), rows=rows[first],
                     votes=votes, confidence=confidence, right=arrays["right"][rows[first]])  # fmt: skip


def by_question(arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The rows of the votes on each question, by task, as they came."""
    task, question = arrays["task"], arrays["question"]
    order = np.lexsort((np.arange(len(task)), question, task))
    changed = (np.diff(task[order]) != 0) | (np.diff(question[order]) != 0)
    return np.split(order, np.flatnonzero(changed) + 1)


class ReaderRow(Written):
    """How often the right answer is among the first k, by one reader of the votes."""

    reader: str
    counted: dict[str, Interval]
    """By "pass@k": votes are counted, and the reader decides among equals."""
    alone: dict[str, Interval]
    """The reader alone decides, by the best vote for each answer."""
    counted_over_q_halt: dict[str, Interval]
    """The same tasks, less q_halt's; not corrected for their number."""
    alone_over_q_halt: dict[str, Interval]
    tells: Interval
    """How often a right vote scores above a wrong one of its question (the AUC within a question, chance one half): a
    mean over the questions that have both, as if these were independent. A reader that knows which copies are right
    more often tells as well."""
    tells_over_q_halt: Interval


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
    readers: list[ReaderRow] = []
    """What else was read of the votes, beside q_halt; none without measurements of them."""


def tally(arrays: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray] | None = None) -> Tally:
    """pass@k for the published k, as far as there are copies for it; by further readers (N,) too, for two attempts."""
    unknown = np.unique(arrays["task"][arrays["asked"] == 0])
    known = ~np.isin(arrays["task"], unknown)
    kept = {name: arrays[name][known] for name in ("task", "question", "answer", "q_halt", "right")}
    found = list(rankings(kept)) if known.any() else []
    most = max((int(one.votes.sum()) for one in found), default=0)
    ks = [k for number, k in enumerate(KS) if k <= 2 or KS[number - 1] < most]
    passes = {f"pass@{k}": mean(solved(found, k), generator(0, "votes")) for k in ks}
    readers = {name: score[known] for name, score in (scores or {}).items()} if known.any() else {}
    return Tally(tasks=len({one.task for one in found}), questions=len(found), votes=int(known.sum()),
                 unanswered=len(unknown), passes=passes, single=rate(int(kept["right"].sum()), int(known.sum())),
                 readers=list(read(kept, readers)))  # fmt: skip


def solved(found: Sequence[Ranking], k: int) -> np.ndarray:
    """(tasks,) share of a task's questions whose right answer is among the first k."""
    tasks = np.array([one.task for one in found], dtype=np.int64)
    hit = np.array([one.right[:k].any() for one in found], dtype=np.float64)
    return np.array([hit[tasks == task].mean() for task in np.unique(tasks)])


def read(arrays: Mapping[str, np.ndarray], readers: Mapping[str, np.ndarray]) -> Iterator[ReaderRow]:
    """Every reader beside q_halt, which comes first."""
    if not readers:
        return
    scores = {"q_halt": confident(arrays["q_halt"]), **readers}
    shares = {name: {alone: attempts(list(rankings(arrays, score, alone=alone))) for alone in (False, True)}
              for name, score in scores.items()}  # fmt: skip
    areas = {name: within_questions(arrays, score) for name, score in scores.items()}
    for name, mine in shares.items():
        values, over = {}, {}
        for alone, base in shares["q_halt"].items():
            rng = generator(0, "votes", name)
            values[alone] = {word: mean(share, rng) for word, share in mine[alone].items()}
            over[alone] = {word: mean_difference(share, base[word], rng) for word, share in mine[alone].items()}
        yield ReaderRow(reader=name, counted=values[False], alone=values[True], counted_over_q_halt=over[False],
                        alone_over_q_halt=over[True], tells=mean(areas[name], generator(0, "votes", name)),
                        tells_over_q_halt=mean_difference(areas[name], areas["q_halt"], generator(0, "votes", name)),
                        )  # fmt: skip


def within_questions(arrays: Mapping[str, np.ndarray], score: np.ndarray) -> np.ndarray:
    """(Q,) the AUC of a score (N,) over the votes of each question that has right and wrong ones."""
    areas = np.array([auc(score[rows], arrays["right"][rows]) for rows in by_question(arrays)], dtype=float)
    both: np.ndarray = areas[np.isfinite(areas)]
    return both


def attempts(found: Sequence[Ranking]) -> dict[str, np.ndarray]:
    """`solved` by "pass@k", of as many attempts as a submission has."""
    return {f"pass@{k}": solved(found, k) for k in ATTEMPTS}


class TallyFile(Tally):
    """The tally of one file."""

    path: str


def told(found: Tally) -> str:
    """The tally as text."""
    lines = [f"{found.tasks} tasks, {found.questions} questions, {found.votes:,} votes, 95% intervals over tasks", ""]
    rows = [[name, one.told(4)] for name, one in {**found.passes, "one vote": found.single}.items()]
    lines.append(tabulate(rows, ["right among", "share"], disable_numparse=True))
    if found.readers:
        lines += ["", "by reader of the votes: counted, with the reader among equals; the reader alone; and how often "
                  "a right vote stands above a wrong one of its question", ""]  # fmt: skip
        heads = [f"{word}, {way}" for way in ("counted", "alone") for word in found.readers[0].counted]
        table = [[row.reader, *(one.told() for one in (*row.counted.values(), *row.alone.values(), row.tells))]
                 for row in found.readers]  # fmt: skip
        lines.append(tabulate(table, ["reader", *heads, "tells right"], disable_numparse=True))
    if found.unanswered:
        lines += ["", f"left out, as an answer is not known: {found.unanswered} tasks"]
    return "\n".join(lines)
