"""From tasks to a dataset in the format of the published ARC builder, and with its draws: same seed, same arrays.

The draws are those of numpy's legacy generator in the published order: the order of the tasks of each subset and the
copies of each task, subset by subset; then, as splits are written, where the grids of each example stand in the frame.
What is kept of a copy between the two is its augmentation alone, and grids are made as they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError, notice
from rrdyn.data.arc import generator as generated
from rrdyn.data.arc.augmentation import TURNS, Augmentation, draw_copies
from rrdyn.data.arc.frame import FIRST, put
from rrdyn.data.arc.recipe import ArcRecipe
from rrdyn.data.arc.source import Subset, read_folder, read_subset
from rrdyn.data.arc.task import COLOURS, Pair, Task
from rrdyn.data.composition import Composed, Composition
from rrdyn.data.maze.symmetries import dihedral
from rrdyn.data.writer import BLANK
from rrdyn.runtime.progress import say
from rrdyn.runtime.streams import generator

NO_TOKENS = bytes(256 - FIRST - COLOURS)
TEST_PUZZLES = "test_puzzles.json"
"""The tasks of the test split as JSON, by name: what the published evaluator reads."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Copied:
    """A task, its copies with the original first, and whether its questions are the test's."""

    task: Task
    copies: list[Augmentation]
    tested: bool

    @property
    def names(self) -> list[str]:
        return [self.task.name, *(copy.of(self.task.name) for copy in self.copies[1:])]


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """What one split has of a task: some of its pairs, of some of its copies."""

    pairs: tuple[Pair, ...]
    copies: list[Augmentation]
    names: list[str]


def compose(recipe: ArcRecipe) -> Composed:
    """The dataset of a recipe. Raises InputError for a task that is wrong, or where there is none."""
    rng = np.random.RandomState(recipe.seed)
    subsets = list(_subsets(recipe))
    copied = [one for subset, tested in subsets for one in _copied(subset, tested, recipe, rng)]
    _tell(copied, recipe)
    held = _validation([one.task for one in copied], recipe)
    groups = {"train": _training(copied, held, recipe)}
    if held:
        groups["val"] = [Group(pairs=(pair,), copies=one.copies[:1], names=one.names[:1])
                         for one in copied for pair in held.get(one.task.name, ())]  # fmt: skip
    tested = [one for one in copied if one.tested]
    groups["test"] = [Group(pairs=one.task.test, copies=one.copies, names=one.names) for one in tested]
    numbers: dict[str, int] = {}
    for group in (group for part in groups.values() for group in part):
        for name in group.names:
            numbers.setdefault(name, len(numbers) + 1)
    moving = {} if recipe.corner else {"train": rng}
    source = "generate" if recipe.generated else "json"
    place = "generated" if recipe.generated else Path(recipe.source).resolve().name
    return Composed(
        name=f"arc-{place}-aug{recipe.aug}",
        source=source,
        splits={split: _composition(part, numbers, recipe.canvas, moving.get(split))
                for split, part in groups.items()},
        identifiers=[BLANK, *numbers],
        origin={"subsets": {subset.name: len(subset.tasks) for subset, _ in subsets}},
        files=[file for subset, _ in subsets for file in subset.files],
        beside={TEST_PUZZLES: {one.task.name: one.task.record() for one in tested}},
    )  # fmt: skip


def _subsets(recipe: ArcRecipe) -> Iterator[tuple[Subset, bool]]:
    """Each subset, and whether its questions are the test's."""
    if recipe.generated:
        yield Subset(name="generated", tasks=tuple(generated.tasks(recipe)), files=()), True
    else:
        place = Path(recipe.source)
        names = recipe.subsets if place.suffix != ".json" else recipe.test_set[:1]
        for name in names:
            yield read_subset(place, name), name in recipe.test_set
    for folder in recipe.extra:
        yield read_folder(folder), False


def _copied(subset: Subset, tested: bool, recipe: ArcRecipe, rng: np.random.RandomState) -> Iterator[Copied]:
    """The tasks of a subset in their drawn order, with their copies."""
    tasks = list(subset.tasks)
    rng.shuffle(tasks)  # type: ignore[arg-type]  # the stubs know arrays alone
    most = (recipe.test_n if tested else recipe.n) or len(tasks)
    for task in tasks[:most]:
        kept = _answered(task, subset, tested, recipe)
        _require_room(kept, recipe.canvas)
        yield Copied(task=kept, copies=draw_copies(kept, recipe.aug, rng), tested=tested)


def _answered(task: Task, subset: Subset, tested: bool, recipe: ArcRecipe) -> Task:
    """The task as far as it can be used: where nobody tells an answer, the recipe says what is to be done."""
    without = [number + 1 for number, pair in enumerate(task.test) if not pair.answered]
    if not without:
        return task
    if not recipe.unanswered:
        raise InputError(f"task {task.name} of {subset.name} has no answer to test pair {without[0]}",
                         expected="an output, or a file of solutions beside the challenges",
                         run="--unanswered takes such questions without an answer")  # fmt: skip
    if tested:
        return task
    return Task(task.name, task.train, tuple(pair for pair in task.test if pair.answered), task.test_first)


def _require_room(task: Task, side: int) -> None:
    largest = max(max(*pair.question.shape, *pair.answer.shape) for pair in task.pairs)
    if largest > side:
        raise InputError(f"task {task.name} has a grid that does not fit the frame", found=f"a side of {largest}",
                         expected=f"at most --canvas {side}")  # fmt: skip


def _tell(copied: Sequence[Copied], recipe: ArcRecipe) -> None:
    """What a user should know of the tasks."""
    if not any(one.tested for one in copied):
        raise InputError("no task is tested", found=f"subsets {', '.join(recipe.subsets)}",
                         expected="one of them in --test-set")  # fmt: skip
    short = [one for one in copied if len(one.copies) <= recipe.aug]
    if short:
        least = min(short, key=lambda one: len(one.copies))
        say(f"{len(short)} of {len(copied)} tasks have fewer than {recipe.aug} different copies; "
            f"the fewest: {len(least.copies) - 1} of {least.task.name}")  # fmt: skip
    seen = {one.task.name for one in copied if not one.tested}
    leaked = sorted({one.task.name for one in copied if one.tested} & seen)
    if leaked:
        notice(f"{len(leaked)} tested tasks stand in a subset that is trained on too, with their answers: "
               f"{', '.join(leaked[:4])}{', ...' if len(leaked) > 4 else ''}")  # fmt: skip


def _validation(tasks: Sequence[Task], recipe: ArcRecipe) -> dict[str, tuple[Pair, ...]]:
    """The pairs of each task that are kept out of training."""
    pairs = [(task.name, pair) for task in tasks if len(task.train) >= 3
             for pair in task.train[-max(1, len(task.train) // 10) :]]  # fmt: skip
    order = generator(recipe.seed, "arc validation").permutation(len(pairs))[: recipe.val_groups]
    held: dict[str, tuple[Pair, ...]] = {}
    for number in sorted(order.tolist()):
        name, pair = pairs[number]
        held[name] = (*held.get(name, ()), pair)
    return held


def _training(copied: Sequence[Copied], held: dict[str, tuple[Pair, ...]], recipe: ArcRecipe) -> list[Group]:
    """Everything but the questions of tested tasks, the held-out copies of these, and validation pairs."""
    groups = []
    for one in copied:
        without = {id(pair) for pair in held.get(one.task.name, ())}
        pairs = one.task.train if one.tested else one.task.pairs
        end = max(1, len(one.copies) - recipe.held_out) if one.tested else len(one.copies)
        kept = tuple(pair for pair in pairs if id(pair) not in without)
        groups.append(Group(pairs=kept, copies=one.copies[:end], names=one.names[:end]))
    return groups


def _composition(
    groups: Sequence[Group], numbers: dict[str, int], side: int, rng: np.random.RandomState | None
) -> Composition:
    """The split of these groups; `rng` where grids are moved about in the frame."""
    copies = [len(group.copies) for group in groups]
    sizes = np.repeat([len(group.pairs) for group in groups], copies)
    return Composition(
        pieces=(_examples(group, side, rng) for group in groups),
        puzzle_identifiers=np.array([numbers[name] for group in groups for name in group.names], dtype=np.int32),
        puzzle_indices=np.append(0, np.cumsum(sizes)).astype(np.int32),
        group_indices=np.append(0, np.cumsum(copies)).astype(np.int32),
    )


def _examples(group: Group, side: int, rng: np.random.RandomState | None) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels (n, side * side) of all copies of a group, copy by copy.

    Of each copy one example, drawn, keeps its grids in the corner; those of the others are moved where they fit.
    """
    pairs = [_Patches(pair, side) for pair in group.pairs]
    inputs = np.zeros((len(group.copies) * len(pairs), side, side), dtype=np.uint8)
    labels = np.zeros_like(inputs)
    row = 0
    for copy in group.copies:
        in_corner = int(rng.randint(0, len(pairs))) if rng is not None else None
        table = bytes(range(FIRST)) + bytes(FIRST + colour for colour in copy.colours) + NO_TOKENS
        for number, pair in enumerate(pairs):
            down = right = 0
            if rng is not None and number != in_corner:
                down, right = (int(rng.randint(0, room + 1)) for room in pair.room[copy.turn])
            for frames, patches in ((inputs, pair.questions), (labels, pair.answers)):
                (height, width), cells = patches[copy.turn]
                patch = np.frombuffer(cells.translate(table), dtype=np.uint8).reshape(height, width)
                frames[row, down : down + height, right : right + width] = patch[: side - down, : side - right]
            row += 1
    return inputs.reshape(row, -1), labels.reshape(row, -1)


class _Patches:
    """A pair under the eight turns: each grid with its edge as tokens, and how far it can be moved down and right."""

    def __init__(self, pair: Pair, side: int) -> None:
        grids = [[dihedral(grid, turn) for grid in (pair.question, pair.answer)] for turn in range(TURNS)]
        self.questions, self.answers = ([_patch(both[part]) for both in grids] for part in (0, 1))
        self.room = [[side - max(sizes) for sizes in zip(*(grid.shape for grid in both))] for both in grids]


def _patch(grid: np.ndarray) -> tuple[tuple[int, int], bytes]:
    frame = np.zeros((grid.shape[0] + 1, grid.shape[1] + 1), dtype=np.uint8)
    put(frame, grid)
    return (frame.shape[0], frame.shape[1]), frame.tobytes()
