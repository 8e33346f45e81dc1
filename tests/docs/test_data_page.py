"""docs/data.md holds what it says: its pictures of paths, its code, its sizes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from rrdyn.artifacts.files import read_json
from rrdyn.data.defaults import ensure
from rrdyn.data.folder import open_split
from rrdyn.data.inspection import describe
from rrdyn.data.maze.kind import Maze
from rrdyn.data.registry import KINDS
from rrdyn.data.sampler import Sampler

PLACE = Path(__file__).parents[2] / "docs"
PAGE = (PLACE / "data.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def test_the_pictures_of_paths_show_what_they_say():
    (picture,) = blocks("path")
    heads, *rows = (line.split() for line in picture.strip().split("\n"))
    puzzle = Maze(4)
    boards = ["".join(column).replace(".", " ") for column in zip(*rows)]
    question = puzzle.encode(boards[0])
    assert heads[0] == "question"
    for flags, board in zip(heads[1:], boards[1:]):
        prediction = np.array([puzzle.tokens.index(character) for character in board])
        found = puzzle.check(question[None], prediction[None])
        assert "".join(str(int(found[name][0])) for name in ("path_valid", "no_stray", "shortest")) == flags


def test_what_seen_walls_are_worth_is_what_was_evaluated():
    words = re.search(r"trained on 1000 mazes of the default kind(.*?)So walls", PAGE, re.DOTALL)[1]
    for key in ("exact", "path_valid"):
        for name in ("unseen", "seen"):
            after = read_json(PLACE / "mazes" / f"{name}_walls.json")["segments"][7]
            assert after["segment"] == 8
            rates = [f"{after[key][part]:.3f}".lstrip("0") for part in ("value", "low", "high")]
            assert f"{rates[0]} [{rates[1]}, {rates[2]}]" in " ".join(words.split())


def test_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ensure("sudoku", "sudoku-6x6", "data")
    space: dict[str, object] = {}
    try:
        for code in blocks("python"):
            exec(code, space)
        split = open_split("data/latin", "train")
        assert type(split.puzzle).__name__ == "LatinSquare"
        assert split.puzzle.check(split.inputs, np.asarray(split.labels))["valid"].all()
        assert "latin-3x3: latin 3x3, source by hand" in describe("data/latin")[1]
        batch = Sampler(split, 2, 0, augment=True).next()
        assert split.puzzle.check(batch["inputs"], batch["labels"])["valid"].all()
    finally:
        KINDS.pop("latin", None)
