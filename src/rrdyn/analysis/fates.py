"""Fate x right: what became of the failures at the budget, and of what was right there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tabulate import tabulate

from rrdyn.analysis.intervals import rate
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.record import Count, Written

WORDS = {
    "fixed": ("settles", "settle"),
    "cycle": ("cycles", "cycle"),
    "quasiperiodic": ("winds round a torus", "wind round a torus"),
    "slow": ("is still approaching", "are still approaching"),
    "marginal": ("is undecided", "are undecided"),
    "chaotic": ("wanders (lambda_1 > 0)", "wander (lambda_1 > 0)"),
    "diverged": ("diverges", "diverge"),
}


class FateRow(Written):
    """One fate: its shares among the wrong and the right, and of either those that are otherwise at the end."""

    fate: str
    wrong: Interval
    right: Interval
    out_of_time: Count
    lost: Count


class FatesRecord(Written):
    """What became of the puzzles, by fate."""

    n: Count
    budget: Count
    horizon: Count
    unlabelled: Count
    fates: list[FateRow]


@dataclass(frozen=True, kw_only=True)
class FateTable:
    """Counts of puzzles that can be right or wrong."""

    n: int
    budget: int
    horizon: int
    fates: tuple[str, ...]
    counts: np.ndarray
    """(F,2) by fate; wrong and right at the budget."""
    out_of_time: np.ndarray
    """(F,) of the wrong ones, those that are right at the end."""
    lost: np.ndarray
    """(F,) of the right ones, those that are wrong at the end."""
    unlabelled: int
    """Puzzles without an answer, left out."""

    def record(self) -> FatesRecord:
        """As data: by fate, counts and shares of the wrong and of the right."""
        rows = [
            FateRow(fate=name, wrong=self.share(code, 0), right=self.share(code, 1),
                    out_of_time=int(self.out_of_time[code]), lost=int(self.lost[code]))
            for code, name in enumerate(self.fates)
        ]  # fmt: skip
        return FatesRecord(n=self.n, budget=self.budget, horizon=self.horizon, unlabelled=self.unlabelled, fates=rows)

    def share(self, fate: int, right: int) -> Interval:
        """Share of a fate among the puzzles wrong (0) or right (1) at the budget, with its Wilson interval."""
        return rate(int(self.counts[fate, right]), int(self.counts[:, right].sum()))


def fate_table(arrays: Mapping[str, np.ndarray], names: Sequence[str], budget: int, horizon: int) -> FateTable:
    """The counts of a `fate.npz`; `names` are those of its codes."""
    answerable = arrays["asked"] > 0 if "asked" in arrays else np.ones(len(arrays["fate"]), dtype=bool)
    fate, right, end = (arrays[key][answerable] for key in ("fate", "right_budget", "right_end"))
    right, end = right.astype(bool), end.astype(bool)

    def counted(rows: np.ndarray) -> np.ndarray:
        return np.bincount(fate[rows], minlength=len(names))

    return FateTable(
        n=len(fate), budget=budget, horizon=horizon, fates=tuple(names),
        counts=np.stack([counted(~right), counted(right)], axis=1),
        out_of_time=counted(~right & end), lost=counted(right & ~end), unlabelled=int((~answerable).sum()),
    )  # fmt: skip


def of_result(arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> FateTable:
    """The counts of a read `fate.npz`."""
    return fate_table(arrays, meta["fates"], int(meta["budget"]), int(meta["settings"]["horizon"]))


def sentences(table: FateTable) -> str:
    """What became of the failures, and of the right ones, in two plain sentences whose numbers add up."""
    wrong, right = (int(total) for total in table.counts.sum(0))
    late, lost = int(table.out_of_time.sum()), int(table.lost.sum())
    failures = _listed(table, table.counts[:, 0] - table.out_of_time, " on a wrong answer")
    if late:
        become = "becomes" if late == 1 else "become"
        failures = [f"{late} {become} right by segment {table.horizon} (out of time)", *failures]
    kept = _listed(table, table.counts[:, 1] - table.lost, "")
    if lost:
        kept.append(f"{lost} {'is' if lost == 1 else 'are'} wrong by segment {table.horizon}")
    said = []
    if wrong:
        said.append(f"of {wrong} failures at segment {table.budget}: {', '.join(failures)}")
    if right:
        said.append(f"of {right} right at segment {table.budget}: {', '.join(kept)}")
    return "\n".join(said)


def _listed(table: FateTable, counts: np.ndarray, settled: str) -> list[str]:
    order = sorted(range(len(counts)), key=lambda code: -counts[code])
    words = []
    for code in order:
        if count := int(counts[code]):
            name = table.fates[code]
            words.append(f"{count} {WORDS[name][count > 1]}{settled if name == 'fixed' else ''}")
    return words


def told(table: FateTable) -> str:
    """The table as text, then the sentences."""
    rows = [
        {"fate": name, "wrong": bounded(table.share(code, 0)), "right": bounded(table.share(code, 1)),
         "out of time": int(table.out_of_time[code]), "lost": int(table.lost[code])}
        for code, name in enumerate(table.fates)
        if table.counts[code].any()
    ]  # fmt: skip
    head = f"{table.n} puzzles, budget {table.budget}, followed to {table.horizon} segments; shares with 95% intervals"
    left = f"\n{table.unlabelled} puzzles have no answer to compare with: left out" if table.unlabelled else ""
    return f"{head}{left}\n\n{tabulate(rows, headers='keys')}\n\n{sentences(table)}"
