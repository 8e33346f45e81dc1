"""Columns of the training figure: runs that are repeats of one another, and only those, stand in one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rrdyn.plotting.log_schema import LogSchema
from rrdyn.plotting.logs import Run


@dataclass(frozen=True)
class Column:
    """Runs of one arm on one task by one model. `name` is the arm, with what tells it from other columns."""

    arm: str
    name: str
    runs: list[Run]

    @property
    def count(self) -> str:
        """ "n = 3 seeds", or runs where a seed stands twice or is not known."""
        n = len(self.runs)
        seeds = {run.seed for run in self.runs}
        word = "seed" if len(seeds) == n and "?" not in seeds else "run"
        return f"n = {n} {word}{'' if n == 1 else 's'}"


def columns_of(runs: Sequence[Run], schema: LogSchema) -> list[Column]:
    """Columns in the schema's order of arms, each with its runs in the order of their seeds.

    Runs that differ in a fact of `schema.apart` or `apart_in_arm` (task, preset, model …) never share one.
    """
    by_arm: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (len(run.seed), run.seed)):
        by_arm[schema.arm_of(run.facts)].append(run)
    found: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for arm, members in by_arm.items():
        for run in members:
            told = [*_differing(run, runs, schema.apart), *_differing(run, members, schema.apart_in_arm)]
            found[arm, ", ".join(told)].append(run)
    arms = schema.order(set(by_arm))
    return [
        Column(arm, f"{arm}\n{told}" if told else arm, found[arm, told])
        for arm, told in sorted(found, key=lambda key: (arms.index(key[0]), key[1]))
    ]


def _differing(run: Run, others: Sequence[Run], facts: Sequence[str]) -> list[str]:
    """What a run's facts say that is not true of all others, word by word."""
    told = []
    for fact in facts:
        same = set.intersection(*(set(other.facts.get(fact, "").split()) for other in others))
        words = " ".join(word for word in run.facts.get(fact, "").split() if word not in same)
        varies = len({other.facts.get(fact, "") for other in others}) > 1
        told += [words or run.facts.get(fact) or f"{fact} not told"] if varies else []
    return told
