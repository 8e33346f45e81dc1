"""Fate x right: what became of the failures at the budget, and of what was right there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tabulate import tabulate

from rrdyn.analysis.basins import Basins, BasinsRecord, basins
from rrdyn.analysis.intervals import rate
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.files import write_json
from rrdyn.artifacts.interval import Interval
from rrdyn.artifacts.npz import Artifact, read_npz
from rrdyn.artifacts.places import shown
from rrdyn.artifacts.provenance import provenance
from rrdyn.artifacts.record import Count, Meta, Row, Written
from rrdyn.artifacts.schemas import FATE

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
    says: list[str] = []
    """The same in plain sentences."""
    basins: BasinsRecord | None = None


class FatesFile(FatesRecord):
    """What became of the puzzles of one file."""

    path: str


class FatesFiles(Written):
    """The files of `rrdyn fate`."""

    results: list[FatesFile]


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
    """(F,) of the wrong ones, those that become right and stay so."""
    lost: np.ndarray
    """(F,) of the right ones, those that are wrong at the end."""
    unanswered: np.ndarray
    """(F,) of the puzzles without an answer to compare with, which are left out of all other counts."""
    basins: Basins | None = None
    """What perturbed restarts came to, where there were any."""

    @property
    def unlabelled(self) -> int:
        """Puzzles without an answer."""
        return int(self.unanswered.sum())

    def record(self) -> FatesRecord:
        """As data: by fate, counts and shares of the wrong and of the right."""
        rows = [
            FateRow(fate=name, wrong=self.share(code, 0), right=self.share(code, 1),
                    out_of_time=int(self.out_of_time[code]), lost=int(self.lost[code]))
            for code, name in enumerate(self.fates)
        ]  # fmt: skip
        record = FatesRecord(
            n=self.n, budget=self.budget, horizon=self.horizon, unlabelled=self.unlabelled, fates=rows,
            says=sentences(self).splitlines(),
        )  # fmt: skip
        return record if self.basins is None else record.model_copy(update={"basins": self.basins.record()})

    def share(self, fate: int, right: int) -> Interval:
        """Share of a fate among the puzzles wrong (0) or right (1) at the budget, with its Wilson interval."""
        return rate(int(self.counts[fate, right]), int(self.counts[:, right].sum()))


def fate_table(arrays: Mapping[str, np.ndarray], names: Sequence[str], budget: int, horizon: int) -> FateTable:
    """The counts of a `fate.npz`; `names` are those of its codes."""
    answerable = arrays["asked"] > 0 if "asked" in arrays else np.ones(len(arrays["fate"]), dtype=bool)
    right, end = (answerable & arrays[key].astype(bool) for key in ("right_budget", "right_end"))
    late = answerable & ~right & stays_right(arrays)

    def counted(rows: np.ndarray) -> np.ndarray:
        return np.bincount(arrays["fate"][rows], minlength=len(names))

    return FateTable(
        n=int(answerable.sum()), budget=budget, horizon=horizon, fates=tuple(names),
        counts=np.stack([counted(answerable & ~right), counted(right)], axis=1),
        out_of_time=counted(late), lost=counted(right & ~end), unanswered=counted(~answerable),
    )  # fmt: skip


def stays_right(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N,) whether a puzzle is right when last followed and, on a cycle, all round it: not only passing the answer."""
    end: np.ndarray = arrays["right_end"].astype(bool)
    if not {"followed", "right_at", "period"} <= arrays.keys():  # without how far it was followed, the last answer
        return end
    return np.asarray(end & (arrays["followed"] - arrays["right_at"] + 1 >= arrays["period"]))


def of_result(arrays: Mapping[str, np.ndarray], meta: Meta) -> FateTable:
    """The counts of a read `fate.npz`."""
    table = fate_table(arrays, meta["fates"], int(meta["budget"]), int(meta["settings"]["horizon"]))
    return replace(table, basins=basins(arrays, meta["fates"]))


def read_fates(path: Path | str) -> Artifact:
    """A fate.npz whose provenance says what its codes mean.

    Raises InputError for another file.
    """
    artifact = read_npz(path, FATE)
    if not _told(artifact):
        raise InputError(f"{shown(artifact.path)} does not say what its fates are", expected="a file of rrdyn fate",
                         run="rrdyn fate CKPT")  # fmt: skip
    return artifact


def _told(artifact: Artifact) -> bool:
    """Whether its codes have names that we know, and budget and horizon are there."""
    names, settings, codes = artifact.meta.get("fates"), artifact.meta.get("settings"), artifact["fate"]
    if not isinstance(names, list) or not set(map(str, names)) <= set(WORDS) or not isinstance(settings, dict):
        return False
    numbers = (artifact.meta.get("budget"), settings.get("horizon"))
    within = len(codes) > 0 and bool(((codes >= 0) & (codes < len(names))).all())
    return within and all(isinstance(number, int) and number > 0 for number in numbers)


def write(table: FateTable, out: Path, tag: str, source: Path) -> Path:
    """fates_<tag>.json."""
    return write_json(out / f"fates_{tag}.json", {**table.record().model_dump(), "meta": provenance(inputs=[source])})


def page(tables: Mapping[str, FateTable]) -> str:
    """The part of results.md that says what became of the puzzles, tag by tag."""
    lines = ["# What became of each puzzle", ""]
    for tag, table in tables.items():
        lines += [f"## {tag}: fate x right", "", *(f"- **{text}**" for text in sentences(table).splitlines()), ""]
        lines += [f"{_head(table)}", "", tabulate(_rows(table), headers="keys", tablefmt="pipe"), ""]
        if table.basins is not None:
            lines += [table.basins.told("pipe"), ""]
    return "\n".join(lines) + "\n"


def over_segments(arrays: Mapping[str, np.ndarray], names: Sequence[str], segments: int) -> dict[str, np.ndarray]:
    """Shares (T+1,) of puzzles after 0 to T segments: on a fixed point or cycle by then, on the way to one, or else.

    Only what occurs; they sum to 1.
    """
    fate, since = np.asarray(arrays["fate"]), np.asarray(arrays["settled_at"])
    t = np.arange(segments + 1)
    shares: dict[str, np.ndarray] = {}
    for code, name in enumerate(names):
        mine = fate == code
        if not mine.any():
            continue
        settles = mine & (since >= 0)
        there = (since[settles][None] <= t[:, None]).sum(1) / len(fate)
        if settles.any():
            shares[name] = there
            shares[f"{name}, not yet"] = settles.sum() / len(fate) - there
        elsewhere = mine & ~settles
        if elsewhere.any():
            shares[name] = shares.get(name, 0.0 * t) + elsewhere.sum() / len(fate)
    return shares


def flow(table: FateTable) -> list[tuple[int, str, int, int]]:
    """(right at the budget, fate, right at the end, puzzles), those that occur."""
    found = []
    for code, name in enumerate(table.fates):
        wrong, right = (int(count) for count in table.counts[code])
        late, lost = int(table.out_of_time[code]), int(table.lost[code])
        found += [(0, name, 0, wrong - late), (0, name, 1, late), (1, name, 0, lost), (1, name, 1, right - lost)]
    return [row for row in found if row[3]]


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
    if table.unlabelled:
        said.append(f"of {table.unlabelled} without an answer: {', '.join(_listed(table, table.unanswered, ''))}")
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
    basin = "" if table.basins is None else f"\n\n{table.basins.told('simple')}"
    rows = f"\n\n{tabulate(_rows(table), headers='keys')}" if table.n else ""
    return f"{_head(table)}{rows}\n\n{sentences(table)}{basin}"


def _head(table: FateTable) -> str:
    head = f"{table.n} puzzles, budget {table.budget}, followed to {table.horizon} segments; shares with 95% intervals"
    left = f"\n{table.unlabelled} puzzles have no answer to compare with: left out" if table.unlabelled else ""
    return head + left


def _rows(table: FateTable) -> list[Row]:
    return [
        {"fate": name, "wrong": bounded(table.share(code, 0)), "right": bounded(table.share(code, 1)),
         "out of time": int(table.out_of_time[code]), "lost": int(table.lost[code])}
        for code, name in enumerate(table.fates)
        if table.counts[code].any()
    ]  # fmt: skip
