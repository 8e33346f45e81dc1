"""Fates as pictures: what is drawn is what the file says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.analysis.test_fates import HORIZON, file_of

from rrdyn.analysis.fates import flow, of_result, over_segments, read_fates
from rrdyn.artifacts.errors import InputError
from rrdyn.artifacts.npz import write_npz
from rrdyn.artifacts.schemas import ROLLOUT
from rrdyn.cli.app import main
from rrdyn.plotting import fates, plot
from rrdyn.plotting.style import Style


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return file_of(tmp_path_factory.mktemp("fates") / "fate_tiny.npz")


def plates(file, **options):
    return plot("fates", file, **options).plates


def test_shares_are_those_of_the_file(file):
    artifact = read_fates(file)
    table = plates(file)["fates_tiny_segments"].table
    wrong = ~artifact["right_budget"].astype(bool)
    known = over_segments(
        {key: artifact[key][wrong] for key in ("fate", "settled_at")}, artifact.meta["fates"], HORIZON
    )
    for band, share in known.items():
        np.testing.assert_allclose(table.column("share", panel="wrong", band=band).astype(float), share)


def test_every_band_of_the_flow(file):
    artifact = read_fates(file)
    table = plates(file)["fates_tiny_flow"].table
    drawn = sorted((row["at_budget"], row["fate"], row["at_end"], row["puzzles"]) for row in table)
    rows = flow(of_result(artifact.arrays, artifact.meta))
    assert drawn == sorted((fates.SIDES[a], name, fates.SIDES[b], count) for a, name, b, count in rows)


def test_multipliers_of_what_settles(file):
    artifact = read_fates(file)
    table = plates(file)["fates_tiny_multipliers"].table
    settled = artifact["fate"] < 2
    assert len(list(table)) == 2 * settled.sum()
    assert set(table.column("idx")) == set(artifact["idx"][settled])


def test_return_maps_of_one_puzzle_of_each_fate(file, tmp_path):
    rng = np.random.default_rng(1)
    distances = rng.random((20, 9, 4)).astype(np.float32)
    arrays = {"exact": np.zeros((20, 9), bool), "drift": np.zeros((20, 9)), "idx": np.arange(20),
              "return_distance": distances}  # fmt: skip
    returns = write_npz(tmp_path / "rollout_tiny.npz", ROLLOUT, arrays, {})
    plate = plates(file, returns=returns, examples=3)["fates_tiny_returns"]
    shown = sorted(set(plate.table.column("idx")))
    assert len(shown) == 3
    cell = plate.table.where(idx=shown[0], segment=5, period=2)
    assert cell[0]["log10_return_distance"] == pytest.approx(float(np.log10(distances[shown[0], 4, 1])))
    with pytest.raises(InputError, match="no return distances over segments"):
        plates(file, returns=file)


@pytest.mark.parametrize("size", ["column", "page", "slide"])
@pytest.mark.parametrize("dark", [False, True])
def test_every_paper(file, size, dark):
    style = Style(size, dark)
    artifact = read_fates(file)
    with style.active():
        fates.flows(of_result(artifact.arrays, artifact.meta), style).figure.draw_without_rendering()


def test_command(file, tmp_path):
    assert main(["plot", "fates", str(file), "--out", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.iterdir() if path.suffix == ".png"}
    assert names == {f"fates_tiny_{name}.png" for name in ("segments", "flow", "multipliers")}


def test_a_picture_under_a_name_that_is_not_utf8_says_what_drew_it(file, tmp_path, monkeypatch):
    out = str(tmp_path / "a\udcffb")
    monkeypatch.setattr("sys.argv", ["rrdyn", "plot", "fates", str(file), "--out", out])
    assert main(["plot", "fates", str(file), "--out", out]) == 0
    picture = Image.open(tmp_path / "a\udcffb" / "fates_tiny_flow.png")
    assert picture.text["Source"].endswith(r"a\udcffb")
