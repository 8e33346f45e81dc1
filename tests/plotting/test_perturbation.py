"""The perturbation figure from three-file cells: pooling, smoothing, each mode's drawn data, the table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from tests.plotting.cell_writers import ALPHAS, FORKS, cell, study

from rrdyn.analysis.pooling import pool, rolling
from rrdyn.artifacts.cells import read_cells
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.cli.app import main
from rrdyn.plotting.options import PerturbationView
from rrdyn.plotting.perturbation import alive_colours, chosen_cells, perturbation
from rrdyn.plotting.style import Style, contrast

pytestmark = pytest.mark.filterwarnings("ignore::rrdyn.artifacts.errors.Notice")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return study(tmp_path_factory.mktemp("cells"))


def drawn(root, **view):
    style, view = Style("page"), PerturbationView(window=40, **view)
    with style.active():
        return perturbation(chosen_cells(root, view), view, style)


def test_band_draws_quantiles_of_all_trajectories(root):
    table = drawn(root).table
    kl = pool(read_cells(root, 40), "1.0").kl
    rows = table.where(row="kl", alpha="1.0", kind="quantiles")
    assert [row["step"] for row in rows] == list(range(1, 41))
    for name, percent in (("p10", 10), ("p50", 50), ("p90", 90)):
        assert [row[name] for row in rows] == pytest.approx(np.nanpercentile(kl, percent, axis=0))
    mass = table.where(row="mass", alpha="1.0")
    assert [row["step"] for row in mass] == [fork + 1 for fork in FORKS]


def test_quantile_lines_add_the_inner_band_and_smooth(root):
    plate = drawn(root, kl_only=True, quantile_lines=True, roll=5)
    kl = pool(read_cells(root, 40), "4.0").kl
    expected = rolling(np.nanpercentile(kl, [25], axis=0), 5)[0]
    assert [row["p25"] for row in plate.table.where(alpha="4.0")] == pytest.approx(expected)
    assert not plate.table.where(row="mass")


def test_spaghetti_by_crossing_counts_the_share(root):
    plate = drawn(root, spaghetti=True)
    kl = pool(read_cells(root, 40), "1.0").kl
    crossed = np.nanmax(kl, axis=1) > 1.0
    rows = {row["trajectory"]: row["crossed"] for row in plate.table.where(row="kl", alpha="1.0", kind="trajectory")}
    assert [rows[i] for i in range(24)] == crossed.tolist()
    words = [text.get_text() for ax in plate.figure.axes for text in ax.texts]
    assert f"{crossed.mean():.0%} cross 1" in words
    assert "100% cross 1" in words


def test_spaghetti_by_mass_draws_the_dead_on_top(root):
    plate = drawn(root, spaghetti=True, color_by_pmass=True)
    panel = next(ax for ax in plate.figure.axes if ax.get_title(loc="left").startswith("$\\alpha$ = 2.0"))
    means = [float(np.mean(lines.get_array())) for lines in panel.collections]
    assert len(means) == 24
    assert means == sorted(means, reverse=True)
    assert plate.figure.axes[-1].get_ylabel().startswith("mass on the right answer")


@pytest.mark.parametrize("dark", [False, True])
def test_every_mass_is_seen_on_its_ground_and_told_by_lightness_alone(dark):
    colours = alive_colours(Style(dark=dark))(np.linspace(0, 1, 101))[:, :3]
    found = np.array([contrast(tuple(colour), to_rgb(Style(dark=dark).ground)) for colour in colours])
    assert (found > 3).all()
    assert (np.diff(found) < 0).all()  # the dead stand out


def test_limits_follow_the_data_and_a_budget_off_the_scale_is_told(tmp_path):
    cell(tmp_path / "one", 0)
    plate = drawn(tmp_path, alphas=("0.25",), kl_only=True)
    assert plate.figure.axes[0].get_ylim()[1] < 1.0
    assert [text.get_text() for text in plate.figure.axes[0].texts] == ["budget 1 off-scale"]
    high = drawn(tmp_path, alphas=("4.0",), kl_only=True, kl_ymax=2.5)
    assert high.figure.axes[0].get_ylim()[1] == 2.5


def test_cells_without_masses_get_a_word(tmp_path):
    cell(tmp_path / "one", 0, computed=False)
    plate = drawn(tmp_path, alphas=("1.0",), spaghetti=True, color_by_pmass=True)
    assert "no mass" in plate.figure.axes[1].texts[0].get_text()
    assert plate.table.where(row="kl", kind="trajectory")


def test_marker_line_widths_and_token_clock(root):
    plate = drawn(root, mark_t=16, spaghetti=True, line_lw=0.2, line_alpha=0.5, median_lw=2.0, step="token")
    ax = plate.figure.axes[0]
    assert any(list(line.get_xdata()) == [16, 16] for line in ax.lines)
    assert {0.2, 2.0} <= {line.get_linewidth() for line in ax.lines}
    assert plate.table.where(row="kl")[0]["step"] == 0
    assert (ax.get_xlabel(), plate.figure.axes[-1].get_xlabel()) == ("", "token")


def test_choices_that_leave_nothing_are_refused(root):
    with pytest.raises(UsageError, match="several windows"):
        chosen_cells(root, PerturbationView())
    with pytest.raises(InputError, match="no cells"):
        chosen_cells(root, PerturbationView(window=7))
    with pytest.raises(InputError, match="no cells"):
        chosen_cells(root, PerturbationView(window=40, model_contains="other"))
    with pytest.raises(UsageError, match="no cell holds alpha 3"):
        drawn(root, alphas=("3",))


def test_command_draws_and_writes_the_table(root, tmp_path, capsys):
    argv = [
        "plot",
        "perturbation",
        str(root),
        "--window",
        "40",
        "--kl-only",
        "--quantile-lines",
        "--alphas",
        "0.5",
        "4.0",
    ]
    assert main([*argv, "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = [path.rsplit("/", 1)[1] for path in told["wrote"]]
    assert names[0] == "perturbation_kl_only_quantile_lines.png"
    assert names[-2:] == ["table.csv", "table.md"]
    rows = {(row["model_short"], row["window"]): row for row in told["table"]}
    assert rows["toy-0.5B", 20]["n_seeds"] == 1
    assert (tmp_path / "table.md").read_text().startswith("| model_short")
    assert len(ALPHAS) == 5


def test_a_table_that_is_none_of_ours_stays(root, tmp_path, capsys):
    (tmp_path / "table.csv").write_text("my,own\n1,2\n")
    assert main(["plot", "perturbation", str(root), "--window", "20", "--out", str(tmp_path)]) == 1
    assert "no file of ours" in capsys.readouterr().err
    assert (tmp_path / "table.csv").read_text() == "my,own\n1,2\n"
