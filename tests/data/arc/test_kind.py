from __future__ import annotations

import numpy as np
from tests.data.puzzle_folders import arc_folder

from rrdyn.data.arc.kind import Arc
from rrdyn.data.folder import open_split


def test_arc_folders_are_read(tmp_path):
    data = open_split(arc_folder(tmp_path), "train")
    assert isinstance(data.puzzle, Arc)
    assert data.example_identifiers.tolist() == [1, 1, 2, 2, 2, 3]
    assert data.originals.tolist() == [0, 5]
    assert data.puzzle.draw(data.inputs[1]) == "1111\n1111\n1111"
    framed = data.puzzle.check(data.inputs, np.asarray(data.inputs))["framed"]
    assert framed.all()


def test_figures_show_colours_and_no_letters(tmp_path):
    data = open_split(arc_folder(tmp_path), "train")
    drawing = data.puzzle.drawing(np.asarray(data.inputs[1]))
    assert set(drawing.letters) == {""}
    assert drawing.shades[:5] == ("1", "1", "1", "1", "")
