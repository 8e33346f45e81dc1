"""Figures drawn from npz artifacts and from the analysis' tables: the drawn data, words for empty panels, commands."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from tests.plotting import artifact_writers as write

from rrdyn.analysis.paths import cells_by_own_threshold
from rrdyn.analysis.puzzles import read_puzzles
from rrdyn.analysis.ranks import auc
from rrdyn.artifacts.errors import InputError, UsageError
from rrdyn.artifacts.npz import read_npz, write_npz
from rrdyn.artifacts.schemas import DIAG
from rrdyn.cli.app import main
from rrdyn.plotting import filmstrip, latent, plot, toy, trajectories
from rrdyn.plotting.style import Style


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    data = write.dataset(root / "data")
    write.diag(root / "diag_tiny.npz", data)
    write.states(root / "states.npz")
    write.toy(root / "toy.npz")
    few = ["--no-figures", "--replicates", "100", "--quiet"]
    assert main(["analyze-2x2", str(root / "diag_tiny.npz"), "--out", str(root), *few]) == 0
    for step in (1000, 2000):
        write.diag(root / f"diag_step_{step}.npz", data, 40, meta={"step": step})
    names = [str(root / f"diag_step_{step}.npz") for step in (1000, 2000)]
    assert main(["evolution", *names, "--tag", "tiny", "--out", str(root), *few]) == 0
    write.rollout(root / "rollout.npz")
    assert (
        main(["survival", str(root / "rollout.npz"), "--out", str(root / "survival"), "--no-figures", "--quiet"]) == 0
    )
    write.perturb(root / "perturb.npz")
    assert main(["select", str(root / "perturb.npz"), "--out", str(root / "select"), *few]) == 0
    return root


def table_of(path) -> list[dict[str, str]]:
    header, *rows = (line.split(",") for line in path.read_text().splitlines())
    return [dict(zip(header, row)) for row in rows]


def drawn(function, *arguments, size="column"):
    style = Style(size)
    with style.active():
        return function(*arguments, style)


def test_trajectories_draw_the_median_of_each_cell(folder):
    puzzles = read_puzzles(folder / "diag_tiny.npz")
    cells = cells_by_own_threshold(puzzles)
    table = drawn(trajectories.trajectories, puzzles, cells, "tiny").table
    median = table.column("value", cell="A", quantity="drift", kind="median")
    assert median == pytest.approx(np.median(puzzles.drift_zH[cells == "A"], axis=0))


def test_trajectories_without_log_r_say_so(folder, tmp_path):
    whole = read_npz(folder / "diag_tiny.npz", DIAG)
    path = write_npz(tmp_path / "d.npz", DIAG, {key: whole[key] for key in whole if key != "log_r"}, {})
    puzzles = read_puzzles(path)
    plate = drawn(trajectories.trajectories, puzzles, cells_by_own_threshold(puzzles), "tiny")
    assert "no log_r in this file" in [text.get_text() for ax in plate.figure.axes for text in ax.texts]


def test_toy_draws_the_auc_of_each_readout(folder):
    artifact = read_npz(folder / "toy.npz")
    table = drawn(toy.toy, artifact).table
    shares = table.where(panel="time", series="success")
    assert [row["T"] for row in shares] == [4, 16, 64]
    assert shares[0]["mean"] == pytest.approx(artifact["success"][0].mean())
    areas = table.where(panel="time", series="AUC")
    assert [row["T"] for row in areas] == [4, 16]  # nobody fails at 64
    both = [auc(-artifact["ftle"][0, z].astype(float), artifact["success"][0, z] > 0) for z in (0, 1)]
    assert areas[0]["mean"] == pytest.approx(np.mean(both))
    with pytest.raises(UsageError, match="readout time 5"):
        toy.toy(artifact, Style(), 5)


def test_principal_plane_of_a_plane_curve_holds_everything(folder):
    artifact = read_npz(folder / "states.npz")
    plate = drawn(lambda style: latent.plane(artifact, style, 5))
    assert "plane holds 100% of the variance" in plate.figure.axes[0].get_title(loc="left")
    x, y = (plate.table.column(f"component_{i}", panel="path") for i in (1, 2))
    states = artifact["z_H"][0].reshape(17, -1).astype(float)
    apart = np.linalg.norm(states[0] - states[-1])
    assert np.hypot(x[0] - x[-1], y[0] - y[-1]) == pytest.approx(apart, rel=1e-5)
    with pytest.raises(UsageError, match="no puzzle 6"):
        latent.plane(artifact, Style(), 6)


def test_filmstrip_marks_the_wrong_cells(folder):
    artifact = read_npz(folder / "diag_tiny.npz", DIAG)
    strip = filmstrip.read_strip(artifact)
    labels = np.load(folder / "data" / "test" / "all__labels.npy")
    assert artifact["exact_correct"][strip.idx] == 0
    assert np.array_equal(strip.wrong[-1], artifact["preds"][strip.idx, -1] != labels[strip.idx])
    plate = drawn(lambda style: filmstrip.filmstrip(strip, [1, 16], style))
    assert [row["wrong"] for row in plate.table.where(frame="16")] == []
    assert plate.table.column("wrong", frame=16).sum() == strip.wrong[-1].sum()
    assert plate.figure.axes[2].get_title(loc="left") == f"segment 16\n{strip.wrong[-1].sum()} wrong"
    assert strip.puzzle.boxes == (2, 2)


def test_film_has_a_frame_a_segment(folder, tmp_path):
    wrote = plot(
        "puzzle", folder / "diag_tiny.npz", out=tmp_path / "film.png", idx=(3,), segments=(1, 2), film="gif"
    ).wrote
    assert wrote[-1].name == "film.gif"
    with Image.open(wrote[-1]) as film:
        assert film.n_frames == 16
    with pytest.raises(UsageError, match="no segment 99"):
        plot("puzzle", folder / "diag_tiny.npz", segments=(99,))


def test_filmstrip_needs_answers_and_the_right_dataset(folder, tmp_path):
    whole = read_npz(folder / "diag_tiny.npz", DIAG)
    bare = write_npz(tmp_path / "d.npz", DIAG, {key: whole[key] for key in whole if key != "preds"}, {})
    with pytest.raises(InputError, match="holds no answers"):
        filmstrip.read_strip(read_npz(bare))
    with pytest.raises(InputError, match="is not the dataset"):
        filmstrip.read_strip(whole, 39, write.dataset(tmp_path / "other", 5))


@pytest.mark.parametrize(
    ("argv", "stem"),
    [
        (["trajectories", "diag_tiny.npz"], "trajectories_diag_tiny"),
        (["spectrum", "results_tiny.json"], "spectrum_tiny"),
        (["toy", "toy.npz", "--readout", "4"], "toy"),
        (["latent", "states.npz", "--idx", "9"], "latent_9"),
        (["evolution", "evolution_tiny.csv"], "evolution_tiny"),
        (["rollout", "survival"], "rollout"),
        (["basin", "select"], "basin_perturb"),
        (["selectors", "select", "--sigma", "0.3"], "selectors_perturb"),
    ],
)
def test_commands_write_png_pdf_data_and_caption(folder, tmp_path, capsys, argv, stem):
    kind, name, *more = argv
    assert main(["plot", kind, str(folder / name), *more, "--out", str(tmp_path), "--json"]) == 0
    wrote = [path.rsplit("/", 1)[1] for path in json.loads(capsys.readouterr().out)["wrote"]]
    assert wrote == [stem + suffix for suffix in (".png", ".pdf", ".data.csv", ".caption.txt")]
    assert "n = " in (tmp_path / wrote[3]).read_text() or kind in ("toy", "latent", "rollout", "basin", "selectors")


def test_tables_reach_the_figures_unchanged(folder, tmp_path):
    for kind, name in (("rollout", "survival"), ("basin", "select"), ("evolution", "evolution_tiny.csv")):
        assert main(["plot", kind, str(folder / name), "--out", str(tmp_path), "--quiet"]) == 0
    survival = table_of(folder / "survival" / "survival_rollout.csv")
    shown = [
        row for row in table_of(tmp_path / "rollout.data.csv") if row["panel"] == "survival" and row["kind"] == "data"
    ]
    assert [float(row["y"]) for row in shown] == pytest.approx([float(row["survival"]) for row in survival], rel=1e-6)
    basin = table_of(folder / "select" / "basin_perturb.csv")
    rates = [
        float(row["rate"]) for row in table_of(tmp_path / "basin_perturb.data.csv") if row["series"] == "best_ever"
    ]
    assert rates == pytest.approx([float(row["best_ever"]) for row in basin], rel=1e-6)
    series = [row for row in table_of(tmp_path / "evolution_tiny.data.csv") if row["series"] == "accuracy"]
    assert [row["step"] for row in series] == ["1000", "2000"]


@pytest.mark.parametrize("kind", ["evolution", "rollout", "basin", "selectors", "spectrum", "2x2"])
def test_a_folder_without_the_tables_is_refused_with_the_command_to_run(tmp_path, capsys, kind):
    assert main(["plot", kind, str(tmp_path)]) == 3
    assert "try:" in capsys.readouterr().err


@pytest.mark.parametrize(("share", "said"), [(1.0, "100%"), (0.996, "99.6%"), (0.9999, "100%"), (0.5, "50.0%")])
def test_a_plane_holds_all_only_where_nothing_lies_outside(share, said):
    assert latent._share(share) == said


def test_the_first_state_stands_out_from_a_dark_ground():
    first = np.array(latent._over_segments(Style(dark=True))(0.0)[:3])
    assert np.abs(first - np.array([0x11, 0x14, 0x18]) / 255).max() > 0.25
