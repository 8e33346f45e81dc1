"""How fast and how hard the puzzle data are: python benchmarks/data.py [PART ...] [--hard FOLDER]

Parts: augmentation, mazes, sudoku, climbing, hard, sampler, independent (all but the last two by default).
`hard` needs a folder with train.csv and test.csv of hard Sudoku rated by nodes; its ratings stand beside ours.
`independent` needs the package python-sat: every puzzle of a sample is proved to have one solution by a SAT solver,
every maze label to be a shortest path by scipy's csgraph.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rrdyn.data.build import augmented
from rrdyn.data.collection import Collection
from rrdyn.data.csv_file import read_csv
from rrdyn.data.folder import open_split, write_split
from rrdyn.data.generated_source import generated
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import GOAL, START, WALL, Floods
from rrdyn.data.parallel import in_order
from rrdyn.data.sampler import Sampler
from rrdyn.data.sudoku.generator import Generator
from rrdyn.data.sudoku.geometry import Geometry
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.data.sudoku.recipe import SudokuRecipe
from rrdyn.data.sudoku.solver import Solver, rate, solve, to_digits

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def say(name: str, **values: object) -> None:
    print(f"{name:<44}" + "  ".join(f"{key} {value}" for key, value in values.items()), flush=True)


def quantiles(values: np.ndarray) -> str:
    return " ".join(f"{value:,.0f}" for value in np.quantile(values, QUANTILES))


def sudokus(n: int, side: int = 9, **settings: object) -> Collection:
    maker = Generator(Geometry(side), seed=0, **settings)
    parts = list(in_order(maker.make, range(n)))
    return Collection(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.difficulty for part in parts if part.difficulty is not None]),
    )


def plain_shuffles(question: np.ndarray, answer: np.ndarray, count: int) -> list[np.ndarray]:
    """A shuffle at a time with numpy, as one writes it first."""
    rows = []
    for _ in range(count):
        names = np.concatenate([[0], np.random.permutation(9) + 1])
        order = [np.concatenate([3 * b + np.random.permutation(3) for b in np.random.permutation(3)]) for _ in "rc"]
        flip = np.random.rand() < 0.5
        for grid in (question, answer):
            square = grid.reshape(9, 9).T if flip else grid.reshape(9, 9)
            rows.append(names[square[np.ix_(*order)]].ravel() + 1)
    return rows


def augmentation() -> None:
    """1000 puzzles x 1000 shuffles to disk, beside the plain loop, interleaved three times."""
    puzzle, train = Sudoku(9), sudokus(1000)
    digits = to_digits(train.inputs), to_digits(train.labels)
    small = train.take(np.arange(30))
    list(augmented(puzzle, small, 1001, seed=0))  # compile
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            ours, _ = timed(
                lambda folder=folder: write_split(
                    folder, "train", puzzle, augmented(puzzle, train, 1001, seed=0),
                    examples=1001 * 1000, group_size=1001,
                )
            )  # fmt: skip
            size = sum(path.stat().st_size for path in Path(folder).rglob("*.npy"))
        loop, _ = timed(lambda: plain_shuffles(digits[0][0], digits[1][0], 20_000))
        say(
            "augmentation 1000 x 1000",
            seconds=f"{ours:.2f}",
            plain_loop=f"{50 * loop:.0f} (50 x 20,000 measured)",
            ratio=f"{50 * loop / ours:.0f}",
            on_disk=f"{size / 1e6:.0f} MB",
            peak=f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB",
        )


def mazes() -> None:
    """1000 mazes of 30x30, over 110 steps, by each method."""
    methods = ({}, {"method": "carve"}, {"method": "carve", "unique": True}, {"method": "density"})
    for settings in (*methods, {"method": "density", "unique": True}):
        recipe = MazeRecipe(source="generate", n=1000, test_n=1, val_groups=0, **settings)
        seconds, made = timed(lambda recipe=recipe: generated(recipe, Maze))
        lengths = made.splits.train.difficulty
        say(f"1000 mazes {settings or 'wilson'}", seconds=f"{seconds:.1f}", steps=quantiles(lengths))


def sudoku() -> None:
    """1000 minimal 9x9 puzzles, distinct up to symmetry, and 1000 of the demo's 6x6."""
    for side, clues in ((9, None), (6, 10)):
        recipe = SudokuRecipe(source="generate", size=side, clues=clues, n=1000, test_n=1, val_groups=0)
        seconds, made = timed(lambda recipe=recipe: generated(recipe, Sudoku))
        train = made.splits.train
        counts = (train.inputs > 1).sum(axis=1)
        say(f"1000 sudoku {side}x{side}", seconds=f"{seconds:.1f}", rating=quantiles(train.difficulty),
            clues=f"{counts.min()} to {counts.max()}")  # fmt: skip


def climbing() -> None:
    """Yield of hard puzzles a minute."""
    for least, n in ((1000, 200), (5000, 60), (20_000, 10)):
        seconds, made = timed(lambda least=least, n=n: sudokus(n, min_rating=least))
        say(f"rated {least:,} or more", puzzles=n, seconds=f"{seconds:.1f}", a_minute=f"{60 * n / seconds:.0f}",
            rating=quantiles(made.difficulty))  # fmt: skip


def hard(folder: Path) -> None:
    """The hard list: solved whole, re-rated, its rating quantiles."""
    puzzle, test = read_csv(folder / "test.csv", Sudoku)
    seconds, (answers, counts) = timed(lambda: solve(puzzle.geometry, test.inputs))
    say("hard list solved", puzzles=len(test), seconds=f"{seconds:.1f}",
        right=int((answers == test.labels).all(axis=1).sum()), one_solution=int((counts == 1).sum()))  # fmt: skip
    sample = np.random.default_rng(0).permutation(len(test))[:500]
    seconds, ratings = timed(lambda: rate(puzzle.geometry, test.inputs[sample]))
    say("hard list re-rated", puzzles=500, seconds=f"{seconds:.1f}",
        exact=int((ratings == test.difficulty[sample]).sum()))  # fmt: skip
    for split in ("train", "test"):
        say(f"hard list {split}", rating=quantiles(read_csv(folder / f"{split}.csv", Sudoku)[1].difficulty))


def sampler() -> None:
    """CPU time of one batch of 768, plain and shuffled on the fly: quickest and slowest of five runs."""
    with tempfile.TemporaryDirectory() as folder:
        train = sudokus(1000)
        write_split(folder, "train", Sudoku(9), train.inputs, train.labels)
        split = open_split(folder, "train")
        for augment in (False, True):
            batches = Sampler(split, 768, 0, augment=augment)
            batches.next()
            runs = []
            for _ in range(5):
                started = time.process_time()
                for _ in range(100):
                    batches.next()
                runs.append(10 * (time.process_time() - started))
            name = f"batch of 768, {'shuffled' if augment else 'plain'}"
            say(name, milliseconds=f"{min(runs):.2f} to {max(runs):.2f}")


def independent() -> None:
    """One solution by a SAT solver, a shortest path by csgraph, no puzzle twice."""
    from pysat.solvers import Minisat22
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import shortest_path

    for side, clues in ((4, 6), (6, 10), (9, None)):
        n = 60 if side == 4 else 2000
        recipe = SudokuRecipe(source="generate", size=side, clues=clues, n=n // 2, test_n=n // 2, val_groups=0)
        puzzle, made = Sudoku(side), generated(recipe, Sudoku).splits
        rules = clauses(puzzle)
        unique, number = 0, 0
        with Minisat22(bootstrap_with=rules) as solver:
            for one in (made.train, made.test):
                for question, answer in zip(to_digits(one.inputs), to_digits(one.labels)):
                    number += 1
                    other = side**3 + number  # where this literal holds, the answer may not be the known one
                    given = [literal(side, cell, int(digit)) for cell, digit in enumerate(question) if digit]
                    right = [literal(side, cell, int(digit)) for cell, digit in enumerate(answer)]
                    solver.add_clause([-other, *(-held for held in right)])
                    unique += solver.solve(assumptions=right) and not solver.solve(assumptions=[other, *given])
        keys = [set(puzzle.keys(one.inputs, one.labels)) for one in (made.train, made.test)]
        say(f"sudoku {side}x{side} by SAT", puzzles=n, exactly_one=unique, shared_up_to_symmetry=len(keys[0] & keys[1]))
    for settings in ({}, {"method": "carve"}, {"unique": True}, {"method": "density"}):
        recipe = MazeRecipe(source="generate", n=500, test_n=500, val_groups=0, **settings)
        made = generated(recipe, Maze).splits
        floods, shortest = Floods(30, 30), 0
        for question, steps in zip(made.train.inputs, made.train.difficulty):
            edges = [
                (cell, near)
                for cell in np.flatnonzero(question != WALL)
                for near in floods.neighbours(int(cell))
                if question[near] != WALL
            ]
            row, column = np.array(edges).T
            graph = coo_array((np.ones(len(edges)), (row, column)), shape=(900, 900)).tocsr()
            start, goal = np.flatnonzero(question == START)[0], np.flatnonzero(question == GOAL)[0]
            shortest += shortest_path(graph, unweighted=True, indices=start)[goal] == steps
        valid = Maze(30).check(made.train.inputs, made.train.labels)["shortest"].sum()
        say(f"mazes {settings or 'wilson'} by csgraph", mazes=500, length_is_shortest=shortest, label_is_shortest=valid)


def literal(side: int, cell: int, digit: int) -> int:
    return cell * side + digit


def clauses(puzzle: Sudoku) -> list[list[int]]:
    """Each cell a digit, no digit twice in a unit."""
    side = puzzle.side
    rules = [[literal(side, cell, digit) for digit in range(1, side + 1)] for cell in range(side * side)]
    for unit in puzzle.geometry.units:
        for at, cell in enumerate(unit):
            for other in unit[:at]:
                rules += [
                    [-literal(side, int(cell), digit), -literal(side, int(other), digit)]
                    for digit in range(1, side + 1)
                ]
    return rules


PARTS: dict[str, Callable[[], None]] = {
    "augmentation": augmentation,
    "mazes": mazes,
    "sudoku": sudoku,
    "climbing": climbing,
    "sampler": sampler,
    "independent": independent,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "hard", []], default=[])
    parser.add_argument("--hard", type=Path, default=Path("../shared/data/sudoku-hard"))
    args = parser.parse_args()
    Solver(Geometry(9)).search(np.zeros(81), wanted=1)  # compile
    for part in args.parts or [name for name in PARTS if name != "independent"]:
        if part == "hard":
            hard(args.hard)
        else:
            PARTS[part]()


if __name__ == "__main__":
    main()
