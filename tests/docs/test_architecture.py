"""docs/architecture.md: its recipes, run as plug-ins in a folder outside the package; the files it names are there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.docs.page_plugins import PAGE, blocks, write_plugins
from tests.outside_modules import module

from rrdyn.artifacts.npz import read_npz

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder with every plug-in of the page, after every line of the page was run in it."""
    folder = tmp_path_factory.mktemp("outside")
    names = write_plugins(folder)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "RRDYN_PLUGINS": ",".join(names), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    lines = [shlex.split(line)[1:] for text in blocks("sh") for line in text.strip().splitlines()]
    run = "import sys, json; from rrdyn.cli.app import main\n" \
          "for line in json.loads(sys.argv[1]):\n    code = main(line)\n    assert code == 0, line"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", run, json.dumps(lines)], cwd=folder, env=environment,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return folder, done


def test_a_model_from_outside_trains_and_is_measured(outside):
    diag = read_npz(outside[0] / "runs/damped/diag/diag.npz")
    assert diag.meta["estimator"]["sub_updates_per_segment"] == 7
    assert diag.meta["state_parts"] == ["z"]
    assert np.isfinite(diag["lyap_spec"]).all()
    assert read_npz(outside[0] / "runs/damped/eval/rollout.npz")["exact"].shape == (4, 6)
    assert list(outside[0].rglob("*_report.html"))


def test_a_task_from_outside_brings_its_checker(outside):
    diag = read_npz(outside[0] / "runs/latin/diag/diag.npz")
    assert diag["valid"].shape == (4,)
    assert list(outside[0].rglob("puzzle*.png"))


def test_a_measurement_from_outside_is_resumed_kept_cut_and_merged(outside):
    folder, done = outside
    assert "still.npz is there already" in done.stderr
    one, merged = read_npz(folder / "still.npz"), read_npz(folder / "merged.npz")
    np.testing.assert_array_equal(one["still_from"], merged["still_from"])
    assert one.meta["revision"] == 1


def test_an_objective_from_outside_is_an_arm(outside):
    assert "rollout: rising" in (outside[0] / "runs/rising/config.yaml").read_text()


def test_a_figure_from_outside_is_a_command(outside):
    assert (outside[0] / "heights.png").is_file()


def test_the_files_it_names_are_there():
    named = set(re.findall(r"`(\w+/\w+\.py)", PAGE)) - {"cli/COMMAND.py"}
    assert len(named) > 15
    places = (ROOT / "src" / "rrdyn", ROOT)
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []


def test_every_file_is_told_as_the_code_tells_it():
    rooms = module(ROOT / "docs" / "rooms.py")
    assert rooms.whole(PAGE) == PAGE, "run python docs/rooms.py"
