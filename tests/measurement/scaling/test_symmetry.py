from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.dynamics.small_models import grids
from tests.measurement.scaling.known_systems import OneNumber

from rrdyn.artifacts.errors import RrdynError
from rrdyn.data.maze.kind import Maze
from rrdyn.data.sudoku.kind import Sudoku
from rrdyn.measurement.scaling import METHODS
from rrdyn.measurement.scaling.method import Setting
from rrdyn.measurement.scaling.particles import follow_particles
from rrdyn.measurement.scaling.symmetry import found, maps_of
from rrdyn.measurement.subject import Questions
from rrdyn.models import Readout


@pytest.mark.parametrize(
    "puzzle", [Sudoku(4), Sudoku(6), Sudoku(9), Maze(5)], ids=lambda puzzle: f"{puzzle.name}-{puzzle.seq_len}"
)
def test_a_map_is_what_the_kind_does_and_can_be_undone(puzzle):
    rng = np.random.default_rng(0)
    grid = rng.integers(0, puzzle.vocab_size, (3, puzzle.seq_len)).astype(np.uint8)
    maps = maps_of(puzzle, seed=1)
    assert np.array_equal(maps.of(5, 0).forward(grid), grid)
    for number in range(1, 8):
        one = maps.of(5, number)
        uniforms = maps._uniforms(5, number)
        if puzzle.symmetries.copies is None:
            (wanted,) = puzzle.symmetries.apply(np.repeat(uniforms[None], 3, 0), grid)
        else:
            (wanted,) = puzzle.symmetries.listed(number, grid)
        np.testing.assert_array_equal(one.forward(grid), wanted)
        np.testing.assert_array_equal(one.back(wanted), grid)
        assert not np.array_equal(wanted, grid)
    labels = np.where(rng.random((2, puzzle.seq_len)) < 0.5, -100, 1)
    assert ((maps.of(5, 1).forward(labels) == -100).sum(1) == (labels == -100).sum(1)).all()


def test_a_permuted_sudoku_is_a_sudoku_and_its_answer_the_permuted_answer():
    inputs, labels = (np.asarray(part) for part in grids(4))
    puzzle = Sudoku(4)
    one = maps_of(puzzle, 0).of(0, 3)
    before, after = (puzzle.check(*pair) for pair in ((inputs, labels), (one.forward(inputs), one.forward(labels))))
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])


class Twisted:
    """Not a symmetry: it swaps the tokens of one cell only."""

    draws, copies = 1, None

    def apply(self, uniforms, *grids):
        return tuple(np.concatenate([5 - grid[:, :1], grid[:, 1:]], 1) for grid in grids)


def test_what_is_more_than_moving_and_renaming_is_refused():
    with pytest.raises(RrdynError, match="more than move cells"):
        found(Twisted(), 16, 6, np.zeros(1))


class Biased(OneNumber):
    """Right about a maze only where its start stands in the upper half: a permuted vote whose outcome is known."""

    def embed(self, inputs, puzzle_ids, puzzle_vectors=None):
        return inputs

    def recurrence(self, e):
        self.asked = e
        return super().recurrence(e)

    def read(self, state):
        L = self.asked.shape[1]
        upper = (self.asked[:, : L // 2] == 3).any(1)
        said = torch.where(upper[:, None], self.asked, torch.full_like(self.asked, 1)).long()
        zeros = torch.zeros(len(said), dtype=torch.float64)
        return Readout(torch.nn.functional.one_hot(said, 6).double(), zeros, zeros)


def test_the_vote_over_the_eight_views_of_a_maze_is_known():
    """The start in a corner of an even grid lies in the upper half in four of the eight views."""
    grid = torch.full((1, 16), 2)
    grid[0, 12] = 3  # lower left: the plain view is wrong
    model = Biased(lambda z: z)
    model.config = model.config.model_copy(update={"seq_len": 16, "vocab_size": 6})
    questions = Questions(inputs=grid.int(), labels=grid.long(), identifiers=grid[:, 0].int(), idx=np.arange(1))
    setting = Setting(models=[model], symmetries=maps_of(Maze(4), 0))
    method = METHODS["permute"](setting, questions, range(8))
    with torch.no_grad():
        read = follow_particles(method, 1, 1)
    right = read.right[0, :, 0]
    assert not right[0]
    assert right.sum() == 4
    for particle in range(8):  # the right answer, mapped back, is one and the same in every view
        assert torch.equal(read.preds[0, particle, 0].long(), grid[0]) == bool(right[particle])
