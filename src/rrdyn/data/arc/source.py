"""Finding ARC tasks on disk, in the layouts in which they are published.

FOLDER/PREFIX_SUBSET_challenges.json, ..._solutions.json    all tasks of a subset, the answers apart (Kaggle)
FOLDER/SUBSET/TASK.json, FOLDER/data/SUBSET/TASK.json       a file a task, in deeper folders too (ARC-AGI)
TASK.json                                                   one task
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.places import existing, is_file, is_folder, shown
from rrdyn.artifacts.reading import read_json
from rrdyn.data.arc.task import Task, task_of

CHALLENGES, SOLUTIONS = "_challenges.json", "_solutions.json"


@dataclass(frozen=True, kw_only=True)
class Subset:
    """Tasks in the order of their file, or of their files' names, and the files."""

    name: str
    tasks: tuple[Task, ...]
    files: tuple[Path, ...]


def read_subset(folder: Path, name: str) -> Subset:
    """The tasks of one subset. Raises InputError where there is none, or one is wrong."""
    existing(folder, run="git clone https://github.com/fchollet/ARC-AGI, and --source ARC-AGI")
    if is_file(folder):
        return Subset(name=name, tasks=_tasks_of_file(folder), files=(folder,))
    for challenges in sorted(folder.glob(f"*{CHALLENGES}")):
        prefix = challenges.name.removesuffix(CHALLENGES)
        if prefix == name or prefix.endswith(f"_{name}"):
            return _together(name, challenges)
    places = [folder / name, folder / "data" / name]
    for place in places:
        if is_folder(place):
            return read_folder(place, name)
    raise InputError(f"{shown(folder)} has no subset {name!r}", found=", ".join(_subsets(folder)[:8]) or "no tasks",
                     expected=f"*_{name}{CHALLENGES}, or a folder {name}",
                     run="name the subsets with --subsets and --test-set")  # fmt: skip


def read_folder(folder: Path, name: str | None = None) -> Subset:
    """Every task below a folder, a file each."""
    existing(folder)
    files = (folder,) if is_file(folder) else tuple(sorted(path for path in folder.rglob("*.json") if is_file(path)))
    tasks = tuple(task for file in files for task in _tasks_of_file(file))
    if not tasks:
        raise InputError(f"{shown(folder)} holds no tasks", found="no .json file", expected="a file a task")
    return Subset(name=name or folder.name, tasks=tasks, files=files)


def _tasks_of_file(path: Path) -> tuple[Task, ...]:
    return (task_of(path.stem, read_json(path), shown(path)),)


def _together(name: str, path: Path) -> Subset:
    """A subset in two files: all tasks, and the answers to their questions."""
    content = read_json(path)
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{shown(path)} holds no tasks", found=type(content).__name__, expected="tasks by name")
    tasks = [task_of(task, one, f"{shown(path)}, task {task}") for task, one in content.items()]
    solutions = path.with_name(path.name.removesuffix(CHALLENGES) + SOLUTIONS)
    if not is_file(solutions):
        return Subset(name=name, tasks=tuple(tasks), files=(path,))
    answers = read_json(solutions)
    missing = [task.name for task in tasks if not isinstance(answers, Mapping) or task.name not in answers]
    if missing:
        raise InputError(f"{shown(solutions)} lacks the answers of a task", found=missing[0],
                         expected=f"those of all {len(tasks)} tasks of {path.name}")  # fmt: skip
    return Subset(
        name=name,
        tasks=tuple(one.answered(answers[one.name], f"{shown(solutions)}, task {one.name}") for one in tasks),
        files=(path, solutions),
    )


def _subsets(folder: Path) -> list[str]:
    """What there is instead, for a message."""
    together = [path.name.removesuffix(CHALLENGES) for path in sorted(folder.glob(f"*{CHALLENGES}"))]
    homes = [path for place in (folder, folder / "data") if is_folder(place) for path in sorted(place.iterdir())]
    return together + [path.name for path in homes if is_folder(path) and next(path.rglob("*.json"), None)]
