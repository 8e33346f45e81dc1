"""What stands on the first screen: a sentence a model, their fates side by side, what differs from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rrdyn.analysis.comparison import compare
from rrdyn.analysis.fates import WORDS, FateTable, of_result, read_fates, sentences
from rrdyn.analysis.intervals import rate
from rrdyn.analysis.measured import of_fates
from rrdyn.analysis.puzzles import tags
from rrdyn.analysis.summary import bounded
from rrdyn.artifacts.errors import InputError, RrdynError, notice
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.record import Meta

LAST = "_last"
"""What the names of files of last checkpoints end with."""


@dataclass(frozen=True)
class Fated:
    """One model's puzzles that were followed to their fates."""

    tag: str
    artifact: Artifact
    table: FateTable


def fated(paths: Sequence[Path]) -> list[Fated]:
    """Every fate.npz in the order of training, by the command that measured them; one that cannot be read is left out,
    and a notice names it."""
    read = []
    for path in paths:
        try:
            read.append(read_fates(path))
        except RrdynError as error:
            notice(f"left out of the report: {error.problem}")
    names = dict(zip([artifact.path for artifact in read], tags([artifact.path for artifact in read])))
    read.sort(key=lambda artifact: (str(artifact.meta.get("command", "")), _place(artifact.meta), str(artifact.path)))
    same = all(name.endswith(LAST) for name in names.values())  # then it tells nothing apart
    return [Fated(names[one.path].removesuffix(LAST if same else ""), one, of_result(one.arrays, one.meta))
            for one in read]  # fmt: skip


def _place(meta: Meta) -> int:
    """Where the command line names the weights that were read: checkpoints are given in the order of their training."""
    command, inputs = str(meta.get("command", "")), meta.get("inputs")
    weights = str(Path(next(iter(inputs))).parent) if isinstance(inputs, dict) and inputs else ""
    return command.find(f" {weights} ") if weights else -1


def side_by_side(tables: Mapping[str, FateTable]) -> tuple[list[str], list[list[str]]]:
    """Heads, and a row a model: right at the budget and at the end, and of each fate that occurs the wrong / the right
    at the budget."""
    counts = {model: dict(zip(table.fates, table.counts.tolist())) for model, table in tables.items()}
    fates = [name for name in WORDS if any(any(of_model[name]) for of_model in counts.values())]
    rows = []
    for model, table in tables.items():
        right = int(table.counts[:, 1].sum())
        end = right - int(table.lost.sum()) + int(table.out_of_time.sum())
        cells = [" / ".join(map(str, counts[model][name])) for name in fates]
        rows.append([model, *(rate(count, table.n).told() for count in (right, end)), *cells])
    table = next(iter(tables.values()))
    return ["model", f"right at segment {table.budget}", f"right at {table.horizon}", *fates], rows


def sentence(one: Fated) -> str:
    """What became of one model's failures and of its right answers."""
    said = [text[:1].upper() + text[1:] + "." for text in sentences(one.table).splitlines()]
    return " ".join(said)


def changes(models: Sequence[Fated]) -> list[str]:
    """What differs between each model and the one trained before it, puzzle by puzzle."""
    said = []
    for first, second in pairwise(models):
        try:
            found = compare(of_fates(first.artifact), of_fates(second.artifact))
        except InputError:  # of other puzzles
            continue
        said += [column.sentence(first.tag, second.tag) for column in found.columns.values()]
        if found.same_fate:
            said.append(f"one fate in {first.tag} and {second.tag}: {bounded(found.same_fate)} of the puzzles")
    return said
