"""The four figures of the 2x2: the drawn data against the source study's numbers, and the files' behaviour."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.two_by_two import analyze, write
from rrdyn.artifacts.errors import InputError
from rrdyn.cli.app import main
from rrdyn.plotting import plot, two_by_two
from rrdyn.plotting.plate import read_alt, read_origin
from rrdyn.plotting.study import read_study
from rrdyn.plotting.style import Style

DATA = Path(__file__).parents[1] / "golden" / "plotting"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("analysis")
    write(analyze(read_puzzles(DATA / "diag_ties_n300.npz"), "ties", compat=True), out)
    return out


@pytest.fixture(scope="module")
def written(folder) -> list[Path]:
    return plot("2x2", folder, out=folder / "figures").wrote


@pytest.fixture(scope="module")
def golden() -> dict:
    return json.loads((DATA / "results_ties_n300.json").read_text())


def plate(folder: Path, name: str, style: Style | None = None):
    style = style or Style()
    with style.active():
        return two_by_two.PLATES[name](read_study(folder, "ties"), style)


def test_histogram_counts_are_the_cells_of_the_source_study(folder, golden):
    table = plate(folder, "drift_hist").table
    for key, stats in golden["cells"].items():
        assert table.column("count", cell=key[0]).sum() == stats["n"]


def test_strip_and_spectrum_draw_the_source_study_medians(folder, golden):
    strip, spectrum = plate(folder, "lyap_by_cell").table, plate(folder, "spectrum").table
    for key, stats in golden["cells"].items():
        if stats["n"]:
            median = strip.where(cell=key[0], kind="median")[0]
            assert median["lambda_1"] == pytest.approx(stats["lam1_median"], abs=1e-12)
            assert [median["q25"], median["q75"]] == pytest.approx(stats["lam1_iqr"], abs=1e-12)
            assert len(strip.where(cell=key[0], kind="puzzle")) == stats["n"]
        if stats["n"] >= 3:
            assert spectrum.column("median", cell=key[0]) == pytest.approx(stats["spectrum_median"], abs=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_a_puzzle_alone_in_its_cell_lies_under_no_bar(folder, n):
    study = read_study(folder, "ties")
    cell = np.where(study.cell == "B", "D", study.cell)
    cell[np.flatnonzero(study.cell == "B")[:n]] = "B"
    few = replace(study, points={**study.points, "cell": cell})
    figure = two_by_two.lyap_by_cell(few, Style()).figure
    bars = [line for line in figure.axes[0].lines if line.get_zorder() == 4]
    assert len(bars) == 2 * (len(set(cell)) - (n == 1))


def test_scatter_draws_every_puzzle_once(folder, golden):
    table = plate(folder, "scatter").table
    assert sorted(table.column("idx")) == sorted(read_study(folder, "ties").idx)
    settled = table.column("log10_late_drift", cell="A")
    assert (settled < golden["otsu_tau_log10"] + 1e-9).all()


def test_draw_writes_four_files_a_figure_and_again_the_same_bytes(folder, written):
    assert [path.name for path in written[:4]] == [
        f"fig_ties_drift_hist{suffix}" for suffix in (".png", ".pdf", ".data.csv", ".caption.txt")
    ]
    assert len(written) == 16
    before = {path: path.read_bytes() for path in written}
    plot("2x2", folder, out=folder / "figures")
    assert {path: path.read_bytes() for path in written} == before


def test_metadata_tells_where_a_figure_came_from(written):
    origin = read_origin(written[0])
    assert "Correct: " in read_alt(written[0])
    assert {Path(name).name for name in origin["inputs"]} == {"results_ties.json", "points_ties.csv"}
    assert origin["rrdyn_version"]
    assert b"/Keywords" in written[1].read_bytes()
    assert b"CreationDate" not in written[1].read_bytes()


def test_pdf_text_stays_text(written):
    pdf = written[1].read_bytes()
    assert b"/FontType 42" in pdf or b"/TrueType" in pdf or b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf


def test_a_study_of_one_cell_has_a_word_in_every_other(folder, tmp_path):
    results = json.loads((folder / "results_ties.json").read_text())
    for key, stats in results["cells"].items():
        if key[0] != "A":
            results["cells"][key] = {"n": 0}
        else:
            stats["n"] = 5
    results["n"] = 5
    (tmp_path / "results_ties.json").write_text(json.dumps(results))
    lines = [
        line
        for line in (folder / "points_ties.csv").read_text().splitlines()
        if ",A," in line or line.startswith("idx")
    ]
    (tmp_path / "points_ties.csv").write_text("\n".join(lines[:6]) + "\n")
    for name in two_by_two.PLATES:
        drawn = plate(tmp_path, name)
        assert drawn.table.rows
    words = [text.get_text() for text in plate(tmp_path, "lyap_by_cell").figure.axes[0].texts]
    assert words == ["none"] * 3
    assert "B (0), C (0), D (0)" in plate(tmp_path, "spectrum").notes[0]


def test_missing_files_are_told_with_the_command_that_makes_them(folder, tmp_path, capsys):
    shutil.copy(folder / "results_ties.json", tmp_path)
    with pytest.raises(InputError, match=r"points_ties\.csv does not exist") as refused:
        plot("2x2", tmp_path)
    assert "analyze-2x2" in str(refused.value)
    (tmp_path / "results_ties.json").unlink()
    assert main(["plot", "2x2", str(tmp_path)]) == 3
    assert "is not what this figure is drawn from" in capsys.readouterr().err


def test_a_damaged_points_file_is_refused(folder, tmp_path):
    shutil.copy(folder / "results_ties.json", tmp_path)
    text = (folder / "points_ties.csv").read_text()
    (tmp_path / "points_ties.csv").write_text(text[: len(text) // 2].rsplit(",", 3)[0])
    with pytest.raises(InputError, match="damaged"):
        plot("2x2", tmp_path)


def test_command(folder, tmp_path, capsys):
    assert main(["plot", "2x2", str(folder), "--out", str(tmp_path), "--size", "slide", "--dark", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tags"] == ["ties"]
    assert len(told["wrote"]) == 16
    assert np.array([Path(path).stat().st_size for path in told["wrote"]]).min() > 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda results: results.update(n=299), "are of two analyses"),
        (lambda results: results.update(n="many"), "n is not as it should be"),
        (lambda results: results["cells"].pop("B_conv_wrong"), "cells is not as it should be"),
        (lambda results: results["cells"]["A_conv_correct"].pop("lam1_iqr"), "does not say enough of cell A"),
    ],
)
def test_results_that_are_not_whole_are_refused(folder, tmp_path, change, problem):
    results = json.loads((folder / "results_ties.json").read_text())
    change(results)
    (tmp_path / "results_ties.json").write_text(json.dumps(results))
    shutil.copy(folder / "points_ties.csv", tmp_path)
    with pytest.raises(InputError, match=problem):
        plot("2x2", tmp_path)
