"""Sound files of every kind that the commands read: what the mutations begin from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.fuzz.doors import LINES

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
STUDY = "runs/tiny"

MADE = """
rollout runs/tiny/pretrain --n 8 --segments 12 --keep-state --out rolled/rollout.npz
perturb runs/tiny/pretrain --n 4 --copies 2 --segments 12 --sigmas 0 0.3 --out perturb.npz
perturb runs/tiny/pretrain --n 4 --copies 2 --segments 12 --calibrate-kl 0.1 --calibrate-n 2 --alphas 1 --cells cells \
 --out calibrated.npz
diagnose runs/tiny/pretrain --n 4 --k 1 --segments 4 --save-states 0 --out diagnosed/diag.npz
diagnose runs/tiny/pretrain --n 8 --k 1 --segments 4 --piece 0/2 --out piece_0.npz
diagnose runs/tiny/pretrain --n 8 --k 1 --segments 4 --piece 1/2 --out piece_1.npz
toy --T 4 16 --n 200 --seeds 0 --out toy.npz
fate runs/tiny/pretrain --n 16 --horizon 12 --multipliers 1 --out fate.npz
scale runs/tiny/pretrain --n 16 --budget 2 --methods longer restarts --out scale.npz
analyze-scale scale.npz --no-figures --replicates 100 --out scaling
diagnose runs/tiny/multi4 --n 16 --k 4 --qr-every auto --out diag_multi4.npz
evolution runs/tiny/diag/diag_pretrain.npz diag_multi4.npz --tag tiny --no-figures --replicates 100 \
 --out evolution
compare runs/tiny/diag/diag_pretrain.npz diag_multi4.npz --no-figures --replicates 100 --out comparison
survival rolled/rollout.npz --no-figures --out survival
select perturb.npz --no-figures --replicates 100 --out select
evaluate runs/tiny/pretrain --n 8 --out evaluation.json
export runs/tiny/pretrain ckpt.pt
export runs/tiny/pretrain upstream --layout upstream
export runs/tiny/pretrain hub --layout hub
data sudoku --source generate --size 4 --clues 6 --n 12 --test-n 8 --val-groups 4 --workers 1 --out dataset
train dataset --preset demo-tiny --steps 1 --out trained
plot toy toy.npz --out drawn
data arc --source generate --canvas 4 --aug 1 --test-n 2 --pairs 4 --test-pairs 1 --out arc_data
train arc_data --preset demo-tiny --set shuffle_puzzles=false steps=1 --out arc_run
"""

CODE = """
import sys
from rrdyn.cli.app import main
for line in sys.stdin:
    assert main(line.split()) == 0, line
open("modules.txt", "w").write("\\n".join(sys.modules))
"""
WRITTEN = {
    "sweep.yaml": "train: dataset\nout: swept\narms:\n  base: {aug: none-fixed}\n  multi4: {aug: multi4}\nseeds: [0]\n"
    "grid: {lr: [0.001]}\nsettings: {preset: demo-tiny, steps: 1}\n",
    "task.json": '{"train": [{"input": [[1, 2]], "output": [[2, 1]]}], "test": [{"input": [[3]], "output": [[3]]}]}',
    "maze.txt": "#####\n#S G#\n# # #\n#   #\n#####\n",
    "sudoku.txt": ".2.43......34.2.\n",
}  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """Named files and folders under one root; a name is the path from there."""

    root: Path

    @property
    def modules(self) -> list[str]:
        """What the commands that made it had loaded in the end."""
        return (self.root / "modules.txt").read_text().split()

    def path(self, name: str) -> Path:
        return self.root / name


def environment(root: Path) -> dict[str, str]:
    """A user with a home of their own, no network, one thread."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
    return {
        **kept, "HOME": str(root / "home"), "TMPDIR": str(root / "tmp"), "HF_HOME": str(root / "home" / "hf"),
        "HF_ENDPOINT": "http://127.0.0.1:9", "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": str(root / "mpl"),
        "NUMBA_CACHE_DIR": str(root / "numba"), "POLARS_MAX_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


def demo(place: Path) -> Path:
    """A whole tiny study, of which the corpus is made; returns its folder."""
    if not (place / STUDY / "study.json").is_file():
        place.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([sys.executable, "-m", "rrdyn", "demo", "--tiny", "--quiet", "--out", STUDY], cwd=place)
        if done.returncode:
            raise SystemExit(f"rrdyn demo --tiny exits {done.returncode}: nothing to begin from")
    return place / STUDY


def make(root: Path, study: Path) -> Corpus:
    """The corpus in an empty folder, by the commands themselves."""
    for name in ("home", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copytree(study, root / STUDY, symlinks=True)  # its files name one another by this path
    lines = [line for line in MADE.replace("\\\n", "").splitlines() if line]
    done = subprocess.run(
        [sys.executable, "-c", CODE], input="\n".join(f"{line} --quiet" for line in lines), cwd=root, text=True,
        env=environment(root), capture_output=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"the corpus cannot be made:\n{done.stderr}")
    for name, text in WRITTEN.items():
        (root / name).write_text(text)
    for kind in ("sudoku", "maze"):
        shutil.copytree(GOLDEN / "data" / "csv" / kind, root / f"{kind}_csv")
    configs = Path(__file__).resolve().parents[2] / "configs"
    shutil.copyfile(configs / "train" / "demo-tiny.yaml", root / "preset.yaml")
    shutil.copyfile(configs / "aug" / "multi4.yaml", root / "arm.yaml")
    shutil.copyfile(configs / "plot" / "rrdyn.yaml", root / "logs.yaml")
    _cut_down(root)
    _stop(root)
    if absent := sorted({name for line in LINES for name in line.inputs if not (root / name).exists()}):
        raise SystemExit(f"no line of the corpus makes {', '.join(absent)}")
    return Corpus(root)


def _cut_down(root: Path) -> None:
    """What the cases need of the study, small: each case has its own copy."""
    study = root / STUDY
    shutil.copytree(study / "data", root / "data")
    others = shutil.ignore_patterns("*multi4*", "*none-fixed*")  # one model's figures take long enough
    shutil.copytree(study / "analysis", root / "analysis", ignore=others)
    shutil.copytree(study / "pretrain", root / "run", symlinks=True)
    checkpoints = root / "run" / "checkpoints"
    keep = (checkpoints / "best").resolve().name
    for step in checkpoints.glob("step_*"):
        if step.name != keep:
            shutil.rmtree(step)
    for name in ("best", "last"):
        (checkpoints / name).unlink(missing_ok=True)
        (checkpoints / name).symlink_to(keep)
    shutil.copytree(checkpoints / keep, root / "step")
    shutil.copyfile(study / "diag" / "diag_pretrain.npz", root / "diag.npz")
    shutil.copyfile(study / "multi4" / "train.jsonl", root / "train.jsonl")
    for name in ("none-fixed", "multi4"):
        shutil.copytree(study / name, root / "arms" / name, symlinks=True)
        for state in (root / "arms" / name).rglob("state.pt"):
            state.unlink()
    shutil.rmtree(study / "figures")
    shutil.copytree(study, root / "study", symlinks=True)
    for state in (root / "study").rglob("state.pt"):
        state.unlink()


def _stop(root: Path) -> None:
    """A measurement that was stopped before its first part: the plan beside an output that is not there."""
    meta = json.loads(str(np.load(root / "diagnosed" / "diag.npz", allow_pickle=False)["meta"]))
    parts = root / "stopped" / "diag.npz.parts" / meta["key"][:16]
    parts.mkdir(parents=True)
    (parts / "plan.json").write_text(json.dumps({"total": 4, "block": 2, "fingerprint": {}}))
