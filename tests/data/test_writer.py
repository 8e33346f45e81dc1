from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tests.data.small_folder import small

from rrdyn.artifacts.errors import UsageError
from rrdyn.data.folder import new_dataset, open_split, write_split
from rrdyn.data.sudoku.kind import Sudoku


@pytest.mark.parametrize("what", ["a folder of mine", "a file", "a dangling link", "a pipe"])
def test_what_is_no_dataset_is_never_replaced(tmp_path, what):
    path = tmp_path / "mine"
    if what == "a folder of mine":
        path.mkdir()
        (path / "thesis.txt").write_text("years of work")
    elif what == "a file":
        path.write_text("years of work")
    elif what == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "gone")
    for force in (False, True):
        with pytest.raises(UsageError, match=r"exists already|is no dataset and is not replaced"):
            small(path, force=force)
    assert os.path.lexists(path)
    if path.is_dir():
        assert (path / "thesis.txt").read_text() == "years of work"


def test_an_empty_folder_is_filled_and_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    small(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len(open_split(tmp_path / "there")) == 5


def test_pieces_are_written_as_they_come(tmp_path):
    rows = np.arange(6 * 16, dtype=np.uint8).reshape(6, 16) % 6
    pieces = ((rows[at : at + 2], rows[at : at + 2]) for at in range(0, 6, 2))
    write_split(tmp_path, "train", Sudoku(4), pieces, examples=6, group_size=3)
    data = open_split(tmp_path, "train")
    np.testing.assert_array_equal(data.inputs, rows)
    assert data.group_indices.tolist() == [0, 3, 6]


def test_a_failure_leaves_nothing_behind(tmp_path):
    def stop(folder: Path) -> None:
        with new_dataset(folder) as staging:
            write_split(staging, "train", Sudoku(4), np.ones((2, 16)), np.ones((2, 16)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_replaced_only_by_force(tmp_path):
    path = small(tmp_path / "taken")
    with pytest.raises(UsageError, match="exists already"), new_dataset(path):
        pass
    with new_dataset(path, force=True) as staging:
        (staging / "new").write_text("")
    assert [member.name for member in path.iterdir()] == ["new"]
    assert [member.name for member in tmp_path.iterdir()] == ["taken"]
