from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError
from rrdyn.data import arrays
from rrdyn.data.arrays import extremes, pieces
from rrdyn.data.folder import open_split, write_split
from rrdyn.data.sudoku.kind import Sudoku


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six hundred puzzles, looked at a hundred rows at a time."""
    monkeypatch.setattr(arrays, "PIECE", 1600)
    tokens = np.random.default_rng(0).integers(1, 6, (600, 16)).astype(np.uint8)
    write_split(tmp_path, "test", Sudoku(4), tokens, tokens)
    return tmp_path


@pytest.mark.parametrize("name", ["inputs", "labels"])
@pytest.mark.parametrize("row", [0, 255, 256, 300, 599])
@pytest.mark.parametrize("token", [-1, 6, 2**40])
def test_every_row_is_in_the_vocabulary_at_both_ends(folder, name, row, token):
    path = folder / "test" / f"all__{name}.npy"
    array = np.load(path).astype(np.int64)
    array[row, 7] = token
    np.save(path, array)
    with pytest.raises(InputError, match="token outside its vocabulary") as raised:
        open_split(folder)
    assert f"token {token} in {name}" in str(raised.value)
    assert "0 to vocab_size - 1 = 5" in str(raised.value)


def test_an_ignored_label_outside_the_vocabulary_is_no_token(folder):
    path = folder / "test" / "all__labels.npy"
    array = np.load(path).astype(np.int64)
    array[400, 3:9] = -100
    np.save(path, array)
    description = folder / "test" / "dataset.json"
    description.write_text(description.read_text().replace('"ignore_label_id": 0', '"ignore_label_id": -100'))
    split = open_split(folder)
    assert split.asked[399:402].tolist() == [16, 10, 16]
    array[400, 0] = -99
    np.save(path, array)
    with pytest.raises(InputError, match="token outside its vocabulary"):
        open_split(folder)


BAD = {
    "puzzle_indices": [
        (lambda a: a - 1, "does not fit"),
        (lambda a: np.where(a == 300, 299, a), "does not rise from 0"),
        (lambda a: np.where(a == 0, 1, a), "does not rise from 0"),
        (lambda a: a[:0], "does not fit"),
        (lambda a: a.astype(np.float64), "wrong type"),
        (lambda a: a[None], "does not fit"),
        (lambda a: np.where(a == 300, 2**63, a.astype(np.uint64)), "does not rise from 0"),
    ],
    "group_indices": [
        (lambda a: np.where(a == 300, 301, a), "does not rise from 0"),
        (lambda a: a[:-1], "does not fit"),
    ],
    "puzzle_identifiers": [(lambda a: a + 1, "outside the table"), (lambda a: a - 1, "outside the table")],
    "inputs": [
        (lambda a: a[0], "does not fit"),
        (lambda a: np.array(3), "does not fit"),
        (lambda a: a > 2, "wrong type"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in BAD.items() for case in range(len(cases))])
def test_indices_that_do_not_fit_are_named(folder, name, case):
    change, message = BAD[name][case]
    path = folder / "test" / f"all__{name}.npy"
    np.save(path, change(np.load(path)))
    with pytest.raises(InputError, match=message):
        open_split(folder)


def test_extremes():
    assert extremes(np.zeros((0, 4), np.uint8)) == (0, 0)
    assert extremes(np.array([[-3, 7]])) == (-3, 7)
    assert extremes(np.array([[5, 7]], np.uint8)) == (0, 7)
    assert extremes(np.array([[-100, 7]]), but=-100) == (7, 7)


def test_a_large_array_is_never_held_whole(tmp_path):
    """64 MB on the disk, looked at a piece at a time."""
    path = tmp_path / "large.npy"
    np.save(path, np.ones((1 << 20, 64), np.uint8))
    mapped = np.load(path, mmap_mode="r")
    tracemalloc.start()
    assert extremes(mapped, but=3) == (0, 1)
    assert sum(len(piece) for piece in pieces(mapped)) == 1 << 20
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * arrays.PIECE
