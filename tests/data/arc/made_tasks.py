"""Small made tasks on disk, as the published ones lie there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SUBSETS = {"training": 3, "evaluation": 2}


def made_task(number: int) -> dict[str, list[dict[str, list[list[int]]]]]:
    """A task of pairs that are of any sizes; nothing is to be learnt from it."""
    rng = np.random.RandomState(number)

    def grid() -> list[list[int]]:
        return rng.randint(0, 10, size=rng.randint(1, 6, size=2)).tolist()

    return {part: [{"input": grid(), "output": grid()} for _ in range(count)] for part, count in
            (("train", 3), ("test", 1 + number % 2))}  # fmt: skip


def challenges(folder: Path) -> Path:
    """Two subsets in a file each, the questions before the demonstrations, the answers apart."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for subset, count in SUBSETS.items():
        asked, answers = {}, {}
        for _ in range(count):
            task, name = made_task(number), f"made{number}"
            answers[name] = [pair.pop("output") for pair in task["test"]]
            asked[name] = {"test": task["test"], "train": task["train"]}
            number += 1
        (folder / f"arc_{subset}_challenges.json").write_text(json.dumps(asked))
        (folder / f"arc_{subset}_solutions.json").write_text(json.dumps(answers))
    return folder


def files(folder: Path) -> Path:
    """The same, a file a task."""
    number = 0
    for subset, count in SUBSETS.items():
        (folder / "data" / subset).mkdir(parents=True)
        for _ in range(count):
            (folder / "data" / subset / f"made{number}.json").write_text(json.dumps(made_task(number)))
            number += 1
    return folder
