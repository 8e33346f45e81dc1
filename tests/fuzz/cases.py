"""The cases: from a seed and a number to one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz.case import FOLDERS, Case, prepared
from tests.fuzz.corpus import Corpus
from tests.fuzz.doors import Line
from tests.fuzz.files import mutated_file
from tests.fuzz.oddities import odd_argument, odd_environment, odd_input, odd_output, odd_streams

GROUPS: dict[str, tuple[Callable[[Random, Corpus, Path, bool], Case], int]] = {
    "file": (mutated_file, 66),
    "input": (odd_input, 13),
    "output": (odd_output, 7),
    "argument": (odd_argument, 8),
    "environment": (odd_environment, 3),
    "streams": (odd_streams, 3),
}
"""What is odd, and how often."""


def case(number: int, seed: int, corpus: Corpus, root: Path, *, short: bool = False) -> Case:
    """Case `number` of a seed, in an empty folder `root`. Raises Impossible."""
    rng = Random(f"{seed} {number}")
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    group = rng.choices(list(GROUPS), weights=[weight for _, weight in GROUPS.values()])[0]
    made = GROUPS[group][0](rng, corpus, root, short)
    made.label = f"{group}: {made.label}"
    return made


def on_sound_files(line: Line, corpus: Corpus, root: Path) -> Case:
    """A line on sound files, in an empty folder."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    return prepared(line, corpus, root)
