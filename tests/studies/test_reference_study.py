"""The reference study at tiny size: from end to end, the same numbers again, and nothing done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rrdyn.artifacts.config import presets
from rrdyn.cli.app import find_command, load
from rrdyn.cli.command import parse

ARMS = ("single", "wta4", "curriculum", "flossing", "radius")
RECIPES = ("rate", "length", "ema", "cycles", "layers", "width", "budget")
SCRIPT = Path(__file__).parents[2] / "scripts" / "reference_study.sh"


def study(folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "OUT": "study"}
    command = ["bash", str(SCRIPT), "tiny"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def numbers(folder: Path) -> dict[str, bytes]:
    """Every table as text and every array of the study; provenance, which names the time, left out."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.csv")}
    for path in folder.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            for name in set(arrays.files) - {"meta"}:
                found[f"{path.relative_to(folder)}:{name}"] = arrays[name].tobytes()
    return found


@pytest.mark.parametrize("size", ["tiny", "cpu", "gpu"])
def test_every_line_of_the_script_is_accepted(size, tmp_path):
    """The script with a program in rrdyn's place that notes its arguments: all of them are ones that rrdyn takes."""
    noted = tmp_path / "noted"
    for name, does in (("rrdyn", f"""printf '%s\\037' "$@" >> {noted}\necho >> {noted}"""), ("python", "true")):
        fake = tmp_path / name
        fake.write_text(f"#!/bin/sh\n{does}\n")
        fake.chmod(0o755)
    more = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "CSVS": "csvs", "WEIGHTS": "weights"}
    subprocess.run(["bash", str(SCRIPT), size], cwd=tmp_path, env=os.environ | more, check=True)
    lines = [line.split("\x1f")[:-1] for line in noted.read_text().splitlines()]
    assert len(lines) > 20
    for words in lines:
        name, rest = find_command(words)
        args = parse(load(name).Args, rest, f"rrdyn {name}")
        if name == "train":
            assert args.preset in presets("train")


@pytest.mark.slow
def test_the_study_twice_and_once_more(tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
        study(folder)
    first, second = (numbers(folder / "study") for folder in folders)
    page = folders[0] / "study" / "page"
    assert {"models.csv", "fates.csv", "arms.csv", "spectra.csv", "survival.csv", "recipes.csv", "README.md"} <= {
        path.name for path in page.iterdir()
    }
    missing = json.loads((page / "study.json").read_text())["not_reached"]  # what tiny leaves out, and nothing else
    assert all(any(word in one for word in (" att,", " hrm,", "real: ", *ARMS, *RECIPES)) for one in missing)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name] and not name.endswith("runs.csv")] == []
    stamps = {path: path.stat().st_mtime_ns for path in folders[0].rglob("*.safetensors")}
    study(folders[0])
    assert numbers(folders[0] / "study") == first
    assert {path: path.stat().st_mtime_ns for path in folders[0].rglob("*.safetensors")} == stamps
