"""Mazes with the walls of training mazes: what seen walls are worth to a model.

    rrdyn data maze --size 7 --n 1000 --test-n 512 --seed 0 --out runs/maze/data
    rrdyn train runs/maze/data --preset maze-small --seed 0 --device cpu --out runs/maze/s0
    python scripts/seen_walls.py runs/maze/data runs/maze/seen
    rrdyn evaluate runs/maze/s0/checkpoints/last --n 512 --out eval.json                          # walls never seen
    rrdyn evaluate runs/maze/s0/checkpoints/last --n 512 --data runs/maze/seen --out seen.json    # seen, other ends

The test split of OUT has a maze for each of the first 512 training mazes of DATA: its walls, with start and goal drawn
anew as `rrdyn data maze` draws them. None of them is a training maze.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rrdyn.artifacts.files import read_json
from rrdyn.data.collection import Collection
from rrdyn.data.folder import open_split
from rrdyn.data.maze.generator import Generator
from rrdyn.data.maze.kind import Maze
from rrdyn.data.maze.recipe import MazeRecipe
from rrdyn.data.maze.solver import WALL
from rrdyn.data.writer import new_dataset, write_record, write_split

MAZES, SEED = 512, 1


def main(data: Path, out: Path) -> None:
    train = open_split(data, "train")
    assert isinstance(train.puzzle, Maze)
    puzzle = train.puzzle
    known = set(puzzle.keys(train.inputs, train.labels))
    maker = Generator(puzzle.height, puzzle.width, MazeRecipe.recorded(read_json(data / "rrdyn.json")["recipe"]))
    rng = np.random.default_rng(SEED)
    mazes = [other(maker, puzzle, maze, known, rng) for maze in train.inputs[:MAZES]]
    found = [maze for maze in mazes if maze is not None]
    print(f"{len(found)} of {len(mazes)} walls have another start and goal")
    with new_dataset(out) as folder:
        write_split(folder, "test", puzzle, np.concatenate([maze.inputs for maze in found]),
                    np.concatenate([maze.labels for maze in found]))  # fmt: skip
        write_record(folder, name="seen-walls", puzzle=puzzle, source=f"walls of {data.name}")


def other(
    maker: Generator, puzzle: Maze, maze: np.ndarray, known: set[bytes], rng: np.random.Generator
) -> Collection | None:
    """A maze with the walls of another that is no training maze; None after a hundred draws."""
    for _ in range(100):
        made = maker.within((maze != WALL).reshape(puzzle.height, puzzle.width), rng)
        if made is not None and not known & set(puzzle.keys(made.inputs, made.labels)):
            return made
    return None


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
