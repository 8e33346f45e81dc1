"""Copies of ARC tasks are undone by their names alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rrdyn.data.arc.augmentation import IDENTITY, Augmentation, draw_copies, named
from rrdyn.data.arc.frame import cropped, framed, put
from rrdyn.data.arc.kind import Arc
from rrdyn.data.arc.task import Pair, Task

grids = hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.integers(0, 9))
augmentations = st.builds(
    lambda turn, order: Augmentation(turn, bytes([0, *order])), st.integers(0, 7), st.permutations(range(1, 10))
)


@settings(max_examples=30, deadline=None)
@given(grids, augmentations, st.text(max_size=12).filter(lambda name: "|" not in name))
def test_a_copy_is_undone_by_its_name(grid, augmentation, task):
    name, found = named(augmentation.of(task))
    assert (name, found) == (task, augmentation)
    assert np.array_equal(found.undo(augmentation.apply(grid)), grid)
    tokens = framed(augmentation.apply(grid), 30, 30)[None]
    assert np.array_equal(Arc().restored([augmentation.of(task)], tokens)[0], framed(grid, 30, 30))


@settings(max_examples=30, deadline=None)
@given(grids)
def test_a_framed_grid_is_read_back(grid):
    assert np.array_equal(cropped(framed(grid, 30, 30), 30, 30)[0], grid)


@pytest.mark.parametrize("name", ["a", "a|||t1", "a|||t9|||0123456789", "a|||t1|||0123456788", ""])
def test_other_names_are_originals(name):
    assert named(name) == (name, IDENTITY)


def test_what_is_no_rectangle_is_cropped_to_the_largest():
    frame = np.zeros((6, 6), dtype=np.uint8)
    put(frame, np.ones((4, 4), dtype=np.uint8))
    frame[1, 2] = 1
    assert cropped(frame.ravel(), 6, 6)[0].shape == (4, 2)  # 4 x 2 beats 1 x 4
    frame[0, 0] = 0
    assert cropped(frame.ravel(), 6, 6)[0].shape == (0, 0)


def test_copies_of_a_symmetric_task_are_as_many_as_there_are():
    """One red cell answered by a red cell: nothing but the colour can differ."""
    cell = np.ones((1, 1), dtype=np.uint8)
    copies = draw_copies(Task("dot", (Pair(cell, cell),), (Pair(cell, cell),)), 50, np.random.RandomState(0))
    assert sorted(copy.colours[1] for copy in copies) == list(range(1, 10))
