"""The training-dynamics figure: what is drawn, for our logs and for the foreign family."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.plotting.log_writers import FOREIGN_ARMS, OWN_STAMP, foreign_log, own_head, own_jsonl, own_log

from rrdyn.analysis.curves import Curve, ema
from rrdyn.artifacts.errors import Notice
from rrdyn.cli.app import main
from rrdyn.plotting.columns import columns_of
from rrdyn.plotting.dynamics import overlay, small_multiples
from rrdyn.plotting.log_schema import read_schema
from rrdyn.plotting.runs import gather, read_runs
from rrdyn.plotting.series import onset_of, thinned
from rrdyn.plotting.style import Style

LOGS = Path(__file__).parents[2] / "docs" / "gallery" / "study" / "logs"
OURS, FOREIGN = read_schema("rrdyn"), read_schema("reward_hacking")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    for arm in FOREIGN_ARMS:
        for seed in (1, 2, 3):
            foreign_log(folder / f"{arm}_{seed}.log", arm, seed, steps=60 if seed < 3 else 50, older=seed == 3)
    return read_runs(gather([folder]), FOREIGN)[0]


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    """3 arms x 3 seeds; one resumed, one cut in mid-line, one empty."""
    folder = tmp_path_factory.mktemp("own")
    for arm in ("none", "single", "multi4"):
        for seed in (0, 1, 2):
            own_log(folder / f"{arm}_s{seed}.log", arm, seed, resumed_at=400 if (arm, seed) == ("single", 1) else None)
    cut = folder / "multi4_s2.log"
    cut.write_text(cut.read_text()[: int(len(cut.read_text()) * 0.8)])
    (folder / "none_s0.log").write_text("")
    return folder


def drawn(make, runs, schema, style=None):
    style = style or Style("page")
    with style.active():
        return make(runs, schema, style, [])


def test_foreign_figure_has_the_four_arms_in_order_with_n_in_each_title(foreign):
    axes = drawn(small_multiples, foreign, FOREIGN).figure.axes
    titles = [ax.get_title(loc="left") for ax in axes[:4]]
    assert titles == [f"{arm}\n(n = 3 seeds)" for arm in FOREIGN_ARMS]
    assert [axes[0].get_ylabel(), axes[4].get_ylabel()] == ["student rate", "cos(grad, v_hack)"]
    assert axes[0].get_ylim() == (0.0, 1.0)
    assert all(not ax.spines["top"].get_visible() and not ax.spines["right"].get_visible() for ax in axes)


def test_foreign_lines_are_what_was_logged_with_the_mean_of_their_ema_5_over_shared_steps(foreign):
    plate = drawn(small_multiples, foreign, FOREIGN)
    table = plate.table
    runs = [run for run in foreign if FOREIGN.arm_of(run.facts) == "vanilla"]
    for run in runs:
        rows = {"arm": "vanilla", "column": "hack_s", "kind": "seed", "seed": run.seed}
        assert table.column("value", **rows) == pytest.approx(run.columns["hack_s"])
        assert table.column("smoothed", **rows) == pytest.approx(ema(run.columns["hack_s"], 5))
    rows = {"arm": "vanilla", "column": "hack_s", "kind": "mean"}
    expected = np.mean([ema(run.columns["hack_s"], 5)[:50] for run in runs], axis=0)
    assert table.column("smoothed", **rows) == pytest.approx(expected)
    assert table.column("value", **rows) == pytest.approx(np.mean([run.columns["hack_s"][:50] for run in runs], axis=0))
    (bold, *_) = [line for line in plate.figure.axes[0].lines if line.get_label() == "mean"]
    assert bold.get_ydata() == pytest.approx(expected)


def test_routing_draws_the_ablated_columns_where_they_were_logged(foreign):
    table = drawn(small_multiples, foreign, FOREIGN).table
    run = next(run for run in foreign if run.facts["arm"] == "routing")
    rows = {"arm": "routing", "column": "hack_s", "kind": "seed", "seed": run.seed}
    there = np.isfinite(run.columns["hack_abl"])
    assert table.column("step", **rows).tolist() == run.steps[there].tolist() == list(range(0, run.steps.size, 5))
    assert table.column("value", **rows) == pytest.approx(run.columns["hack_abl"][there])
    assert np.isnan(table.column("smoothed", **rows)).all()  # twelve points are shown as they are


def test_onset_is_the_first_raw_step_above_zero(foreign):
    run = next(run for run in foreign if run.facts == {**run.facts, "arm": "vanilla", "seed": "1"})
    assert onset_of(run, FOREIGN) == int(run.steps[np.flatnonzero(run.columns["hack_s"] > 0)[0]])
    table = drawn(small_multiples, foreign, FOREIGN).table
    assert {row["step"] for row in table.where(arm="vanilla", kind="onset", seed="1")} == {onset_of(run, FOREIGN)}


def test_overlay_has_one_labelled_mean_per_arm_in_its_colour(foreign):
    plate = drawn(overlay, foreign, FOREIGN)
    ax = plate.figure.axes[0]
    assert {text.get_text().split("\n")[0] for text in ax.texts} == set(FOREIGN_ARMS)
    assert [line.get_color() for line in ax.lines if line.get_label() == "mean"] == [arm.colour for arm in FOREIGN.arms]
    assert len(plate.table.where(kind="onset")) == 12


def every_mark(plate):
    """(x, y) of every mark in a figure."""
    lines = [line for ax in plate.figure.axes for line in ax.lines if line.get_marker() not in ("", "None", None)]
    return np.concatenate([np.asarray(line.get_xydata(), dtype=float) for line in lines])


def every_logged_value(files):
    """{(step, value)} of three real runs' logs, read by nothing of ours."""
    found = set()
    for path in files:
        names = []
        for line in path.read_text().splitlines():
            words = line.partition("| INFO |")[2].split()
            if words[:2] == ["step", "epoch"]:
                names = words
            elif names and words and words[0].isdigit():
                found |= {(float(words[0]), float(word)) for word in words[1:-1] if word != "-"}
    return found


def test_every_mark_of_the_figure_is_a_value_that_stands_in_the_logs():
    files = [LOGS / f"{name}.log" for name in ("none-fixed-s0", "single-s1", "multi4-s0")]
    runs, notes = read_runs(files, OURS)
    assert notes == []
    logged = every_logged_value(files)
    for make in (small_multiples, overlay):
        points = every_mark(drawn(make, runs, OURS))
        assert len(points) > 20
        assert {(x, y) for x, y in points.tolist()} <= logged


def test_evaluations_are_drawn_where_they_were_made_and_end_at_the_last_one(tmp_path):
    rows = [{"step": step, "loss": 1.0, "acc": {200: 0.0, 400: 0.055, 600: 0.484}.get(step)} for step in range(1, 601)]
    path = tmp_path / "run" / "train.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plate = drawn(overlay, read_runs([path], OURS)[0], OURS)
    (line,) = [line for line in plate.figure.axes[0].lines if line.get_label() == "logged"]
    assert line.get_xydata().tolist() == [[200, 0.0], [400, 0.055], [600, 0.484]]
    assert (line.get_marker(), line.get_drawstyle()) == ("o", "default")
    assert plate.table.csv() == (
        "arm,column,kind,seed,run,step,value,smoothed\n"
        "run,acc,seed,?,run,200,0,\nrun,acc,seed,?,run,400,0.055,\nrun,acc,seed,?,run,600,0.484,\n"
        "run,acc,onset,?,run,400,0.055,\n"
    )


def test_loss_noise_and_changed_have_rows_and_a_row_that_no_run_has_is_left_out(tmp_path):
    own_log(tmp_path / "a.log", "none", 0, last=100)
    text = (tmp_path / "a.log").read_text().replace("changed", "chanced")
    (tmp_path / "a.log").write_text(text)
    plate = drawn(small_multiples, read_runs([tmp_path / "a.log"], OURS)[0], OURS)
    labels = [" ".join(ax.get_ylabel().split()) for ax in plate.figure.axes]
    assert labels == ["accuracy (exact)", "training loss", "late drift of z_H", "λ₁ (nats / sub-update)",
                      "noise on z₀ (relative norm)"]  # fmt: skip
    assert plate.notes == ["Note: in no log: answers the noise changed (share)."]


def test_runs_of_another_task_preset_or_model_stand_in_columns_of_their_own(tmp_path):
    said = {
        "a": "task=sudoku", "b": "task=sudoku", "maze": "task=maze", "preset": "task=sudoku",
        "model": "task=sudoku", "data": "task=sudoku",
    }  # fmt: skip
    for seed, (name, task) in enumerate(said.items()):
        path = own_log(tmp_path / f"{name}.log", "none", seed, last=100)
        preset = "other" if name == "preset" else "trm-small"
        data = "sudoku-9x9" if name == "data" else "sudoku-6x6"
        size = "9,000" if name == "model" else "40,226"
        head = (f"preset={preset} arm=none seed={seed} K=1 sigma=0 {task}", f"data: {data}, 1000 training puzzles",
                f"plan: {size} parameters on 1 x cpu")  # fmt: skip
        path.write_text("".join(f"{OWN_STAMP}{line}\n" for line in head) + path.read_text())
    columns = columns_of(read_runs(gather([tmp_path]), OURS)[0], OURS)
    assert {column.name.replace("\n", " "): len(column.runs) for column in columns} == {
        "none sudoku, sudoku-6x6, trm-small, 40,226": 2,
        "none maze, sudoku-6x6, trm-small, 40,226": 1,
        "none sudoku, sudoku-6x6, other, 40,226": 1,
        "none sudoku, sudoku-6x6, trm-small, 9,000": 1,
        "none sudoku, sudoku-9x9, trm-small, 40,226": 1,
    }


def test_the_config_of_a_run_folder_tells_models_apart_that_have_as_many_parameters(tmp_path):
    for seed, cycles in enumerate((4, 6, 6)):
        own_jsonl(tmp_path / f"r{seed}", "none", seed, last=100)
        (tmp_path / f"r{seed}" / "config.yaml").write_text(f"model: {{name: trm, H_cycles: 3, L_cycles: {cycles}}}\n")
    columns = columns_of(read_runs(gather([tmp_path]), OURS)[0], OURS)
    assert [(column.name, column.count) for column in columns] == [
        ("none\nL_cycles=4", "n = 1 seed"),
        ("none\nL_cycles=6", "n = 2 seeds"),
    ]


def test_a_default_that_one_config_leaves_out_is_no_other_model(tmp_path):
    """A run from a preset tells what the preset sets, one that begins with weights all that these have."""
    whole = {"name": "trm", "H_cycles": 3, "L_cycles": 4, "rope_theta": 10000.0}
    for arm, told in (("none", {"name": "trm", "L_cycles": 4}), ("multi4", whole)):
        own_jsonl(tmp_path / arm, arm, 0, last=100)
        (tmp_path / arm / "config.yaml").write_text(json.dumps({"model": told}))
        (tmp_path / arm / "checkpoints" / "last").mkdir(parents=True)
        (tmp_path / arm / "checkpoints" / "last" / "meta.json").write_text(json.dumps({"config": whole}))
    columns = columns_of(read_runs(gather([tmp_path]), OURS)[0], OURS)
    assert sorted(column.name for column in columns) == ["multi4", "none"]


def test_a_run_that_starts_above_the_level_has_no_onset(tmp_path):
    path = own_log(tmp_path / "a.log", "none", 0, last=400)
    path.write_text(path.read_text().replace("   0.000", "   0.500").replace(" 0 ", " 0.5 "))
    runs, _ = read_runs([path], OURS)
    assert runs[0].columns["acc"][np.isfinite(runs[0].columns["acc"])][0] == 0.5
    plate = drawn(small_multiples, runs, OURS)
    assert not plate.table.where(kind="onset")
    assert "first solved" not in [text.get_text() for ax in plate.figure.axes for text in ax.texts]


def test_onset_of_some_runs_only_is_told(tmp_path):
    for seed in (0, 1):
        own_log(tmp_path / f"{seed}.log", "none", seed, last=400 if seed else 100)
    plate = drawn(small_multiples, read_runs(gather([tmp_path]), OURS)[0], OURS)
    assert "first solved (1 of 2)" in [text.get_text() for text in plate.figure.axes[0].texts]


def test_logs_without_a_column_that_is_drawn_are_an_error(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"step": 1, "loss": null, "lr": 0.1}\n')
    assert main(["plot", "dynamics", str(tmp_path)]) == 3
    assert "skipped a.jsonl: it has no acc or acc_pert or loss" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_own_logs_are_drawn_and_what_was_skipped_is_told(own_folder, tmp_path, capsys):
    assert main(["plot", "dynamics", str(own_folder), "--out", str(tmp_path / "d.png"), "--json"]) == 0
    out, err = capsys.readouterr()
    wrote = [path.rsplit("/", 1)[1] for path in json.loads(out)["wrote"]]
    assert wrote[:4] == ["d.png", "d.pdf", "d.data.csv", "d.caption.txt"]
    assert wrote[4] == "d_overlay.png"
    caption = (tmp_path / "d.caption.txt").read_text()
    for words in ("skipped none_s0.log: it is empty", "multi4_s2.log: the last line is cut off",
                  "single_s1.log: 7 rows (steps 400 to 460) were logged again"):  # fmt: skip
        assert words in err
        assert words in caption
    rows = (tmp_path / "d.data.csv").read_text().splitlines()
    resumed = [row for row in rows if row.startswith("single,loss,seed,1,")]
    assert len(resumed) == len({row.split(",")[5] for row in resumed}) == 80


def test_own_arms_stand_in_the_order_of_the_schema(own_folder):
    with pytest.warns(Notice):
        runs, _ = read_runs(gather([own_folder]), OURS)
    axes = drawn(small_multiples, runs, OURS).figure.axes
    assert [ax.get_title(loc="left").split("\n")[0] for ax in axes[:3]] == ["none", "single", "multi4"]
    assert [ax.get_title(loc="left").split("\n")[1] for ax in axes[:3]] == [
        "(n = 2 seeds)",
        "(n = 3 seeds)",
        "(n = 3 seeds)",
    ]


def test_end_labels_of_a_panel_do_not_cover_each_other(foreign):
    plate = drawn(overlay, foreign, FOREIGN, Style("column"))
    plate.figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in plate.figure.axes[0].texts), key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 + 1 for lower, upper in pairwise(boxes))


def test_a_metric_no_log_holds_has_no_row(tmp_path):
    path = tmp_path / "a.log"
    path.write_text(
        "".join(
            f"{OWN_STAMP}{line}\n" for line in ("preset=x arm=none seed=0", "step loss acc", "1 2.0 0.1", "2 1.0 0.2")
        )
    )
    runs, _ = read_runs([path], OURS)
    axes = drawn(small_multiples, runs, OURS).figure.axes
    assert [" ".join(ax.get_ylabel().split()) for ax in axes] == ["accuracy (exact)", "training loss"]


def test_thinning_keeps_ends_and_extremes():
    y = np.sin(np.arange(50_000) / 700.0)
    y[31_337] = 9.0
    rows = thinned(Curve(np.arange(50_000), y))
    assert len(rows) <= 2100
    assert rows[0] == 0
    assert rows[-1] == 49_999
    assert y[rows].max() == 9.0
    assert (np.diff(rows) > 0).all()


@pytest.mark.slow
def test_nine_logs_of_fifty_thousand_rows_are_drawn_from_a_few_points_each(tmp_path):
    for arm in ("none", "single", "multi4"):
        for seed in range(3):
            rows = [
                f"{OWN_STAMP}{step} 0.1 2.0 1e-4 0.5 0.4 3.0 +0.01 0.5 3e-3 0.9 12.5 1:00" for step in range(1, 50_001)
            ]
            head = [
                *own_head(arm, seed),
                f"{OWN_STAMP}step epoch loss lr acc acc_pert drift lam1 q_acc noise changed sps eta",
            ]
            (tmp_path / f"{arm}_{seed}.log").write_text("\n".join([*head, *rows]) + "\n")
    axes = drawn(small_multiples, read_runs(gather([tmp_path]), OURS)[0], OURS).figure.axes
    points = [len(line.get_xdata()) for ax in axes for line in ax.lines]
    assert 500 < max(points) <= 2100


def test_no_logs_at_all_is_a_usage_error(capsys):
    assert main(["plot", "dynamics"]) == 2
    assert "LOGS is missing" in capsys.readouterr().err
