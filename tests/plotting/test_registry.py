"""Figures by name: ours are all there, an unknown one is told, one is drawn from Python as from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.plotting import artifact_writers as write

from rrdyn.analysis import two_by_two
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.two_by_two import analyze
from rrdyn.artifacts.errors import UsageError
from rrdyn.artifacts.npz import read_npz
from rrdyn.cli.app import COMMANDS, main
from rrdyn.plotting import FIGURES, FigureOptions, find, plot, register

DIAG = Path(__file__).parents[1] / "golden" / "plotting" / "diag_ties_n300.npz"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write.toy(tmp_path_factory.mktemp("toys") / "toy.npz")


def test_every_figure_of_the_package_is_a_command():
    assert [f"plot {name}" for name in FIGURES] == [name for name in COMMANDS if name.startswith("plot ")]


def test_an_unknown_figure_is_told_with_the_nearest_and_how_to_add_one():
    with pytest.raises(UsageError, match="no figure 'spectrm'") as refused:
        find("spectrm")
    assert "did you mean 'spectrum'?" in str(refused.value)
    assert "RRDYN_PLUGINS" in str(refused.value)


def test_a_figure_of_ours_keeps_its_name():
    with pytest.raises(UsageError, match="a figure 'toy' of its own"):
        register("toy", FigureOptions)(lambda inputs, out, style: None)


def test_drawn_from_python_a_figure_is_kept_in_memory_unless_told_where_to_go(toy, tmp_path):
    shown = plot("toy", toy, readout=4)
    assert shown.wrote == []
    assert not list(toy.parent.glob("*.png"))
    assert shown.figure.axes[0].get_title(loc="left").startswith("toy: exponents at T = 4")
    written = plot("toy", str(toy), out=tmp_path / "mine.png", readout=4, size="slide")
    assert [path.name for path in written.wrote] == ["mine.png", "mine.pdf", "mine.data.csv", "mine.caption.txt"]
    assert written.plates["mine"].table.csv() == shown.plates["toy"].table.csv()


def test_what_was_read_is_drawn_from_where_it_lies(toy):
    assert plot("toy", read_npz(toy)).plates["toy"].table.csv() == plot("toy", toy).plates["toy"].table.csv()
    with pytest.raises(UsageError, match="unknown key redout"):
        plot("toy", toy, redout=4)


def test_a_result_in_memory_is_drawn_from_what_it_writes(tmp_path):
    analysed = analyze(read_puzzles(DIAG), "ties", compat=True)

    class Result:
        def write(self, folder):
            return two_by_two.write(analysed, folder)

    Result().write(tmp_path)
    shown = plot("2x2", Result())
    assert list(shown.plates) == [f"fig_ties_{name}" for name in ("drift_hist", "lyap_by_cell", "scatter", "spectrum")]
    for name, plate in plot("2x2", tmp_path).plates.items():
        assert shown.plates[name].table.csv() == plate.table.csv()


def test_a_notebook_shows_the_picture_with_its_caption(toy):
    page = plot("toy", toy)._repr_html_()
    assert page.startswith('<figure><img src="data:image/png;base64,iVBOR')
    assert "AUC(-exponent -&gt; success)" in page


def test_the_help_of_a_figure_needs_no_matplotlib():
    line = "import sys; from rrdyn.cli.app import load; load('plot basin').Args; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder outside the package with a figure of its own and something to draw."""
    name = tmp_path.name.replace("-", "_")  # a module's name is imported once
    (tmp_path / f"{name}.py").write_text((Path(__file__).with_name("heights_plugin.py")).read_text())
    (tmp_path / "heights.csv").write_text("name,height\na,181\nb,169\n")
    monkeypatch.setenv("RRDYN_PLUGINS", name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    FIGURES.pop("heights", None)


def test_a_figure_of_a_plug_in_is_a_command(place):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-m", "rrdyn", "plot", "heights", "heights.csv", "--unit", "m", "--json"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["command"] == "plot heights"
    assert told["n"] == 2
    assert told["wrote"] == [f"heights{suffix}" for suffix in (".png", ".pdf", ".data.csv", ".caption.txt")]
    assert (place / "heights.data.csv").read_text() == "height\n181\n169\n"


def test_a_figure_of_a_plug_in_has_its_help_its_errors_and_its_line_in_the_overview(place, capsys):
    assert main(["plot", "heights", "--help"]) == 0
    helped = capsys.readouterr().out
    assert helped.startswith("usage: rrdyn plot heights [-h] [OPTIONS] PATH")
    assert "Unit on the axis. (default: cm)" in helped
    assert "--dark" in helped
    assert main(["plot", "heights"]) == 2
    assert capsys.readouterr().err.startswith("rrdyn: PATH is missing\n  expected: A csv with a column `height`.")
    assert main(["plot"]) == 2
    assert "plot heights        Heights of people, one mark each." in capsys.readouterr().out
    assert main(["plot", "hights"]) == 2
    assert "did you mean 'heights'?" in capsys.readouterr().err


def test_a_plug_in_that_cannot_be_imported_is_one_message(monkeypatch, capsys):
    monkeypatch.setenv("RRDYN_PLUGINS", "not_there")
    assert main(["plot", "depths", "heights.csv"]) == 2
    assert capsys.readouterr().err.startswith("rrdyn: RRDYN_PLUGINS names a plug-in that cannot be imported")
    assert main(["plot", "toy"]) == 2  # ours need none
    assert "FILE is missing" in capsys.readouterr().err
