"""The figure of two measurements beside each other."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from tests.analysis.made_files import ESTIMATOR, diagnosis, write_diagnosis

from rrdyn.cli.app import main
from rrdyn.plotting import plot
from rrdyn.plotting.style import contrast


@pytest.fixture
def pair(tmp_path):
    first = diagnosis(80)
    second = {**first, "exact_correct": (np.arange(80) < 70).astype(np.float32)}
    return [write_diagnosis(tmp_path / f"{name}.npz", arrays, estimator=ESTIMATOR)
            for name, arrays in (("none", first), ("multi4", second))]  # fmt: skip


def test_what_is_drawn_is_what_was_found(pair, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["compare", *map(str, pair), "--replicates", "100", "--no-figures", "--out", str(out)]) == 0
    assert "only multi4" in capsys.readouterr().out
    assert main(["plot", "compare", str(out), "--dark", "--quiet"]) == 0
    drawn = list(csv.DictReader((out / "comparison.data.csv").open()))
    differences = {row["of"]: row for row in drawn if row["panel"] == "differences"}
    found = {row["of"]: row for row in csv.DictReader((out / "comparison.csv").open()) if row["what"] == "share"}
    shown = float(differences["right at the last segment"]["difference"])
    assert shown == pytest.approx(float(found["exact_correct"]["difference"]))
    assert sum(int(row["puzzles"]) for row in drawn if row["panel"] == "transitions") == 80
    rows = {row["idx"]: row for row in csv.DictReader((out / "points.csv").open())}
    marks = [row for row in drawn if row["panel"] == "number"]
    assert len(marks) == 80
    assert all(float(row["first"]) == pytest.approx(float(rows[row["idx"]]["lambda_1_first"])) for row in marks)
    assert "McNemar" in (out / "comparison.caption.txt").read_text()


@pytest.mark.parametrize("size", ["column", "slide"])
def test_words_stand_where_there_is_room_and_numbers_can_be_read(pair, tmp_path, size):
    out = tmp_path / "out"
    assert main(["compare", *map(str, pair), "--replicates", "100", "--no-figures", "--quiet", "--out", str(out)]) == 0
    (plate,) = plot("compare", out, size=size, dark=True).plates.values()
    plate.figure.draw_without_rendering()
    *others, last = plate.figure.axes
    zero = last.transData.transform((0.0, 0.0))[0]
    ends = [text.get_window_extent() for ax in others for text in ax.texts]
    for text in last.texts:
        box = text.get_window_extent()
        assert text.get_horizontalalignment() == ("left" if zero > last.bbox.x0 + last.bbox.width / 2 else "right")
        assert not any(box.overlaps(end) for end in ends)
    for text in plate.figure.axes[0].texts:
        patch = plate.figure.axes[0].patches[plate.figure.axes[0].texts.index(text)]
        assert contrast(to_rgb(text.get_color()), patch.get_facecolor()) >= 4.5


def test_a_folder_of_something_else(tmp_path, capsys):
    assert main(["plot", "compare", str(tmp_path)]) == 3
    assert "rrdyn compare A.npz B.npz" in capsys.readouterr().err


def test_compare_takes_two_files(pair, capsys):
    assert main(["compare", str(pair[0])]) == 2
    assert "takes two files" in capsys.readouterr().err
