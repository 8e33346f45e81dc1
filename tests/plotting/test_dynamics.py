"""The training-dynamics figure: what is drawn, for our logs and for the foreign family."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from tests.plotting.log_writers import FOREIGN_ARMS, OWN_STAMP, foreign_log, own_head, own_log

from rrdyn.analysis.curves import ema
from rrdyn.artifacts.errors import Notice
from rrdyn.cli.app import main
from rrdyn.plotting.dynamics import onset, overlay, small_multiples, thinned
from rrdyn.plotting.log_schema import read_schema
from rrdyn.plotting.runs import gather, read_runs
from rrdyn.plotting.style import Style

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


def test_foreign_lines_are_ema_5_and_their_mean_over_shared_steps(foreign):
    table = drawn(small_multiples, foreign, FOREIGN).table
    runs = [run for run in foreign if FOREIGN.arm_of(run.facts) == "vanilla"]
    smooth = [ema(run.columns["hack_s"], 5) for run in runs]
    for run, line in zip(runs, smooth):
        assert table.column("value", arm="vanilla", column="hack_s", kind="seed", seed=run.seed) == pytest.approx(line)
    mean = table.column("value", arm="vanilla", column="hack_s", kind="mean")
    assert mean == pytest.approx(np.mean([line[:50] for line in smooth], axis=0))


def test_routing_draws_the_ablated_columns(foreign):
    table = drawn(small_multiples, foreign, FOREIGN).table
    run = next(run for run in foreign if run.facts["arm"] == "routing")
    line = table.column("value", arm="routing", column="hack_s", kind="seed", seed=run.seed)
    assert line == pytest.approx(ema(run.columns["hack_abl"], 5), nan_ok=True)


def test_onset_is_the_first_raw_step_above_zero(foreign):
    run = next(run for run in foreign if run.facts == {**run.facts, "arm": "vanilla", "seed": "1"})
    assert onset(run, FOREIGN) == int(run.steps[np.flatnonzero(run.columns["hack_s"] > 0)[0]])
    table = drawn(small_multiples, foreign, FOREIGN).table
    assert {row["step"] for row in table.where(arm="vanilla", kind="seed onset", seed="1")} == {onset(run, FOREIGN)}


def test_overlay_has_one_labelled_mean_per_arm_in_its_colour(foreign):
    plate = drawn(overlay, foreign, FOREIGN)
    ax = plate.figure.axes[0]
    assert {text.get_text().split("\n")[0] for text in ax.texts} == set(FOREIGN_ARMS)
    bold = {line.get_color() for line in ax.lines if line.get_linewidth() > 1.5 and len(line.get_xdata()) > 1}
    assert bold == {arm.colour for arm in FOREIGN.arms}
    assert len(plate.table.where(kind="onset")) == 4


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
    resumed = [row for row in rows if row.startswith("single,acc,seed,1,")]
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


def test_a_metric_no_log_holds_gets_a_word(tmp_path):
    path = tmp_path / "a.log"
    path.write_text(
        "".join(
            f"{OWN_STAMP}{line}\n" for line in ("preset=x arm=none seed=0", "step loss acc", "1 2.0 0.1", "2 1.0 0.2")
        )
    )
    runs, _ = read_runs([path], OURS)
    axes = drawn(small_multiples, runs, OURS).figure.axes
    assert "in these logs" in axes[1].texts[0].get_text()


def test_thinning_keeps_ends_and_extremes():
    x = np.arange(50_000)
    y = np.sin(x / 700.0)
    y[31_337] = 9.0
    few_x, few_y = thinned(x, y)
    assert len(few_x) <= 2100
    assert few_x[0] == 0
    assert few_x[-1] == 49_999
    assert few_y.max() == 9.0
    assert (np.diff(few_x) > 0).all()


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
