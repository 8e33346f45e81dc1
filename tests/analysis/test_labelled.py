"""Puzzles of which nothing is asked are left out, and told."""

from __future__ import annotations

import numpy as np
import pytest

from rrdyn.analysis.labelled import labelled
from rrdyn.artifacts.errors import InputError, Notice
from rrdyn.artifacts.npz import Artifact
from rrdyn.artifacts.schema import Array, Schema

SCHEMA = Schema(
    name="x",
    version=1,
    doc="a file",
    arrays={"asked": Array(dims="N", kind="int", doc=""), "k": Array(dims="K", kind="int", doc="")},
)


def made(asked: list[int], tmp_path) -> Artifact:
    arrays = {"asked": np.array(asked), "k": np.arange(3)}
    return Artifact(path=tmp_path / "x.npz", schema=SCHEMA, arrays=arrays, meta={})


def test_their_rows_alone_are_left_out(tmp_path):
    with pytest.warns(Notice, match="1 of 3 puzzles have no label"):
        found, without = labelled(made([2, 0, 1], tmp_path))
    assert without == 1
    assert found["asked"].tolist() == [2, 1]
    assert found["k"].tolist() == [0, 1, 2]  # not a row a puzzle


def test_a_file_with_labels_is_as_it_was(tmp_path):
    whole = made([2, 3, 1], tmp_path)
    assert labelled(whole) == (whole, 0)


def test_a_file_without_any_is_refused(tmp_path):
    with pytest.raises(InputError, match="no puzzle has a label"):
        labelled(made([0, 0, 0], tmp_path))
