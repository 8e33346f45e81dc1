"""Pieces measured apart merge to the file of one run; files that do not belong together are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rrdyn.artifacts.errors import InputError, Notice, RrdynError
from rrdyn.artifacts.npz import read_npz, write_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main
from rrdyn.measurement.merging import merge

LINES = {
    "diagnose": ["--k", "2", "--segments", "2"],
    "rollout": ["--segments", "3"],
    "perturb": ["--segments", "4", "--copies", "2", "--sigmas", "0", "0.5"],
}


def measured(command, checkpoint, out, *extra):
    assert main([command, str(checkpoint), "--n", "7", "--quiet", *LINES[command], *extra, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("command", LINES)
def test_pieces_are_the_one_run(command, trm_checkpoint, tmp_path, capsys):
    whole = read_npz(measured(command, trm_checkpoint, tmp_path / "whole.npz"))
    pieces = [measured(command, trm_checkpoint, tmp_path / f"{r}.npz", "--piece", f"{r}/3") for r in (2, 0, 1)]
    assert [len(read_npz(piece)["idx"]) for piece in pieces] == [2, 3, 2]
    capsys.readouterr()
    assert main(["merge", *map(str, pieces), "--out", str(tmp_path / "merged.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 7
    merged = read_npz(tmp_path / "merged.npz")
    assert list(merged) == list(whole)
    for key in whole:
        assert merged[key].dtype == whole[key].dtype
        assert merged[key].tobytes() == whole[key].tobytes(), key
    assert merged.meta["settings"] == whole.meta["settings"]
    assert merged.meta.get("estimator") == whole.meta.get("estimator")
    assert len(merged.meta["merged"]) == 3


@pytest.fixture(scope="module")
def pieces(trm_checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    return [measured("diagnose", trm_checkpoint, folder / f"{r}.npz", "--piece", f"{r}/2") for r in (0, 1)]


def test_equal_rows_are_kept_once_and_others_refused(pieces, trm_checkpoint, tmp_path):
    whole = measured("diagnose", trm_checkpoint, tmp_path / "whole.npz")
    merged = merge([pieces[0], whole], tmp_path / "m.npz")
    np.testing.assert_array_equal(merged["idx"], read_npz(whole)["idx"])
    changed = read_npz(pieces[1])
    changed.arrays["q_halt"][0, 1] += 1e-6
    write_npz(tmp_path / "changed.npz", DIAG, changed.arrays, changed.meta)
    with pytest.raises(InputError, match=r"puzzle \d+ is in .*whole.npz and in .*changed.npz, and q_halt differs"):
        merge([whole, tmp_path / "changed.npz"], tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("extra", "what"),
    [(["--qr-every", "segment"], "qr every"), (["--seed", "1"], "seed"), (["--dtype", "float64"], "dtype")],
)
def test_other_settings_are_named(extra, what, pieces, trm_checkpoint, tmp_path):
    other = measured("diagnose", trm_checkpoint, tmp_path / "other.npz", "--piece", "1/2", *extra)
    with pytest.raises(InputError, match=f"{what} differs"):
        merge([pieces[0], other], tmp_path / "m.npz")


def test_other_checkpoints_kinds_and_strangers_are_refused(pieces, hrm_checkpoint, trm_checkpoint, tmp_path, capsys):
    other = measured("diagnose", hrm_checkpoint, tmp_path / "hrm.npz", "--piece", "1/2")
    assert main(["merge", str(pieces[0]), str(other), "--out", str(tmp_path / "m.npz")]) == 3
    assert "the checkpoint differs" in capsys.readouterr().err
    rolled = measured("rollout", trm_checkpoint, tmp_path / "rolled.npz")
    with pytest.raises(InputError, match="the kind of file differs"):
        merge([pieces[0], rolled], tmp_path / "m.npz")
    np.savez(tmp_path / "stranger.npz", **read_npz(pieces[1]).arrays)
    with pytest.raises(InputError, match="cannot be merged"):
        merge([tmp_path / "stranger.npz", pieces[0]], tmp_path / "m.npz")
    assert main(["merge", str(pieces[0]), "--out", str(tmp_path / "m.npz")]) == 2
    assert not (tmp_path / "m.npz").exists()


def test_a_file_of_the_users_is_not_set_aside(pieces, tmp_path):
    (tmp_path / "mine.npz").write_text("mine")
    with pytest.raises(RrdynError, match="no file of ours"):
        merge(pieces, tmp_path / "mine.npz")
    assert [path.name for path in tmp_path.glob("mine*")] == ["mine.npz"]


def test_what_not_every_file_has_is_left_out(pieces, tmp_path):
    older = read_npz(pieces[1])
    del older.arrays["residual"]
    write_npz(tmp_path / "older.npz", DIAG, older.arrays, older.meta)
    with pytest.warns(Notice, match="residual"):
        merged = merge([pieces[0], tmp_path / "older.npz"], tmp_path / "m.npz")
    assert "residual" not in merged
    assert len(merged["idx"]) == 7


def test_more_pieces_than_puzzles(trm_checkpoint, tmp_path, capsys):
    line = ["diagnose", str(trm_checkpoint), "--n", "3", "--out", str(tmp_path / "d.npz"), "--piece"]
    assert main([*line, "1/4"]) == 2
    assert "--piece leaves some without a puzzle" in capsys.readouterr().err
    assert main([*line, "4/4"]) == 2
    assert "--piece is not a piece" in capsys.readouterr().err


def altered(path, out, **arrays):
    """A copy of a file with other arrays."""
    artifact = read_npz(path)
    artifact.arrays.update(arrays)
    write_npz(out, artifact.schema, artifact.arrays, artifact.meta)
    return out


def test_a_diverged_puzzle_in_two_files_counts_once(pieces, tmp_path):
    exponents = read_npz(pieces[0])["lyap_spec"].copy()
    exponents[1, 0] = np.nan
    broken = [altered(pieces[0], tmp_path / f"{name}.npz", lyap_spec=exponents) for name in "ab"]
    assert merge([*broken, pieces[1]], tmp_path / "m.npz").meta["diverged"] == 1


def test_arrays_that_the_schema_does_not_know(pieces, tmp_path):
    rows = [np.arange(len(read_npz(piece)["idx"])) for piece in pieces]
    note = [np.float64(3), np.arange(2)]
    both = [
        altered(piece, tmp_path / f"{i}.npz", mine=rows[i], scale=note[0], axis=note[1])
        for i, piece in enumerate(pieces)
    ]
    merged = merge(both, tmp_path / "m.npz")
    assert sorted(merged["mine"]) == sorted(np.concatenate(rows))
    assert merged["scale"] == 3
    np.testing.assert_array_equal(merged["axis"], note[1])
    other = altered(both[1], tmp_path / "other.npz", scale=np.float64(4))
    with pytest.raises(InputError, match="scale differs"):
        merge([both[0], other], tmp_path / "m.npz")
    other = altered(both[1], tmp_path / "other.npz", mine=rows[1][:, None])
    with pytest.raises(InputError, match="the shape of mine differs"):
        merge([both[0], other], tmp_path / "m.npz")


def test_rollouts_with_states(trm_checkpoint, tmp_path):
    kept, plain = (
        measured("rollout", trm_checkpoint, tmp_path / f"{r}.npz", "--piece", f"{r}/2", *extra)
        for r, extra in ((0, ["--keep-state"]), (1, []))
    )
    out = measured("rollout", trm_checkpoint, tmp_path / "out.npz", "--keep-state")
    with pytest.warns(Notice, match="held a result of other settings"):
        both = [merge(order, tmp_path / "out.npz") for order in ([kept, plain], [plain, kept])]
    for merged in both:
        assert len(merged["idx"]) == 7
        assert merged.meta["settings"]["keep_state"] is False
    assert not (tmp_path / "out_state.npz").exists()
    assert read_npz(tmp_path / "out.1_state.npz").meta["key"] == read_npz(tmp_path / "out.1.npz").meta["key"]
    assert out.exists()


def test_cells_of_a_piece_are_refused(trm_checkpoint, tmp_path, capsys):
    line = ["perturb", str(trm_checkpoint), "--calibrate-kl", "1", "--cells", str(tmp_path / "cells"), "--piece", "0/2"]
    assert main([*line, "--out", str(tmp_path / "p.npz")]) == 2
    assert "--cells holds all puzzles" in capsys.readouterr().err
    assert not (tmp_path / "cells").exists()
